//! Planning: samples are made, measured and removed; times differ from run to run and are not looked
//! at.

use super::{Place, shop};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Small enough to take a second or two.
const SMALL: [&str; 9] =
    ["plan", "--users", "300", "--years", "0.1", "--budget", "2", "--work", "work"];

/// A place with an empty folder for samples.
fn place() -> Place {
    let place = Place::new();
    std::fs::create_dir(place.0.path().join("work")).unwrap();
    place
}

/// What is left in the folder of samples.
fn left(place: &Place) -> usize {
    std::fs::read_dir(place.0.path().join("work")).unwrap().count()
}

#[test]
fn a_plan_is_a_page_and_leaves_nothing_behind() {
    let place = place();
    let page = place.good(&SMALL);
    for words in [
        "300 users, 20% of them",
        "disk",
        "events a second",
        "retention by day, 90 columns",
        "durability sync",
        "Cores",
        "Check",
        "all of it is removed",
    ] {
        assert!(page.contains(words), "no {words:?} in\n{page}");
    }
    assert_eq!(left(&place), 0);
    the_operations_show(&page);
}

/// The example on the page of the operations has the lines that the command prints.
fn the_operations_show(printed: &str) {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/operations.md")).unwrap();
    let lines = printed.lines().filter(|line| line.starts_with("  ") && !line.contains("threads"));
    let mut seen = 0;
    for line in lines.filter(|line| !line.contains("held out")) {
        let name = line.trim().split("  ").next().unwrap();
        assert!(page.contains(&format!("  {name}  ")), "docs/operations.md lacks {name:?}");
        seen += 1;
    }
    assert!(seen > 40, "{seen} lines");
}

#[test]
fn a_plan_in_json_has_ranges_and_a_check() {
    let place = place();
    let mut arguments = SMALL.to_vec();
    arguments.extend(["--activities", "1", "--daily-active", "50%", "--format", "json"]);
    arguments[2] = "1_000";
    let plan = place.json(&arguments);
    assert_eq!(plan["workload"]["users"], 1_000);
    assert_eq!(plan["workload"]["days"], 37);
    let figures = ["disk", "import"].into_iter().map(|name| &plan[name]);
    let reports = plan["reports"].as_array().unwrap();
    assert!(reports.len() > 10);
    for figure in figures.chain(reports.iter().flat_map(|r| [&r["first"], &r["warm"]])) {
        let [low, likely, high] = ["low", "likely", "high"].map(|f| figure[f].as_f64().unwrap());
        assert!(0.0 < low && low <= likely && likely <= high, "{figure}");
        assert!(figure["check"]["measured"].as_f64().unwrap() > 0.0, "{figure}");
    }
    // Bytes do not depend on what else the machine does.
    let off = plan["disk"]["check"]["off"].as_f64().unwrap();
    assert!(off.abs() < 0.25, "{off}");
    let samples = plan["samples"].as_array().unwrap();
    let events: Vec<f64> = samples.iter().map(|s| s["events"].as_f64().unwrap()).collect();
    let largest = events.iter().fold(0.0, |a: f64, b| a.max(*b));
    assert!(events.len() > 1 && events.last() == Some(&largest), "{events:?}");
    assert!(plan["presence_samples"].as_array().unwrap().len() > 1);
    assert_eq!(plan["writes"].as_array().unwrap().len(), 6);
    assert_eq!(left(&place), 0);
}

#[test]
fn a_budget_is_kept_however_large_the_workload() {
    let place = place();
    let started = Instant::now();
    let arguments = ["--users", "4e9", "--years", "50", "--budget", "1", "--format", "json"];
    let plan = place.json(&[&["plan", "--work", "work"][..], &arguments[..]].concat());
    // A machine that is busy with other tests has its time, but no sample of a chunk fits in it.
    assert!(started.elapsed() < Duration::from_secs(120), "{:?}", started.elapsed());
    let users = |sample: &serde_json::Value| sample["users"].as_f64().unwrap();
    for kind in ["samples", "presence_samples"] {
        let samples = plan[kind].as_array().unwrap();
        assert!(!samples.is_empty() && samples.iter().all(|s| users(s) <= 65_536.0), "{samples:?}");
    }
    assert_eq!(left(&place), 0);
}

#[test]
fn a_sample_database_gives_the_shape_and_stays_as_it_is() {
    let place = shop();
    std::fs::create_dir(place.0.path().join("work")).unwrap();
    let before = place.good(&["info", "shop"]);
    let plan = place.json(&[
        "plan",
        "--from-sample",
        "shop",
        "--users",
        "200",
        "--budget",
        "1",
        "--work",
        "work",
        "--format",
        "json",
    ]);
    // Anna and Ben and 007 on 9 days, of which anna was there on two.
    assert_eq!(plan["workload"]["days"], 10);
    assert_eq!(plan["workload"]["activities"], 2);
    assert_eq!(plan["workload"]["daily_active"].as_f64().unwrap(), 4.0 / 3.0 / 10.0);
    assert_eq!(plan["workload"]["events_per_active_day"], 1.0);
    assert!(plan["notes"].to_string().contains("sample database takes"), "{}", plan["notes"]);
    assert_eq!(place.good(&["info", "shop"]), before);
    assert_eq!(left(&place), 0);
}

#[test]
fn what_cannot_be_planned_is_refused_before_anything_is_made() {
    let place = place();
    for (arguments, words) in [
        (vec![], vec!["--users", "2e6"]),
        (vec!["--users", "0"], vec!["--users 0", "between 1"]),
        (vec!["--users", "-5"], vec!["--users -5"]),
        (vec!["--users", "NaN"], vec!["--users", "number"]),
        (vec!["--users", "5e9"], vec!["--users 5e9", "4.29 G"]),
        (vec!["--users", "10", "--daily-active", "1.5"], vec!["--daily-active 1.5", "20%"]),
        (vec!["--users", "10", "--years", "0"], vec!["--years 0"]),
        (vec!["--users", "10", "--years", "201"], vec!["--years 201"]),
        (vec!["--users", "10", "--activities", "0"], vec!["--activities 0"]),
        (vec!["--users", "10", "--events-per-active-day", "0.9"], vec!["between 1 and"]),
        (vec!["--users", "10", "--budget", "0"], vec!["--budget 0"]),
        (vec!["--users", "10", "--format", "csv"], vec!["table or json"]),
        (vec!["--users", "10", "--work", "nowhere"], vec!["--work nowhere", "not a folder"]),
    ] {
        let mut all = vec!["plan"];
        all.extend(&arguments);
        if !arguments.contains(&"--work") {
            all.extend(["--work", "work"]);
        }
        place.bad(2, &all, &words);
    }
    place.bad(3, &["plan", "--from-sample", "nowhere"], &["nowhere"]);
    place.bad(2, &["plan-step"], &["not to be called"]);
    assert_eq!(left(&place), 0);
}

#[test]
fn a_plan_that_is_killed_leaves_nothing_behind() {
    let place = place();
    let mut child = Command::new(env!("CARGO_BIN_EXE_daybit"))
        .args(["plan", "--users", "20000", "--budget", "60", "--work", "work"])
        .current_dir(place.0.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let wait = |until: &dyn Fn() -> bool, what: &str| {
        let started = Instant::now();
        while !until() {
            assert!(started.elapsed() < Duration::from_secs(30), "{what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    let samples = || {
        let folders = std::fs::read_dir(place.0.path().join("work")).unwrap();
        folders.flatten().any(|f| std::fs::read_dir(f.path()).is_ok_and(|d| d.count() > 0))
    };
    wait(&samples, "a sample is made");
    child.kill().unwrap();
    child.wait().unwrap();
    wait(&|| left(&place) == 0, "the folder goes");
}

#[test]
fn help_shows_the_plan_and_not_its_steps() {
    let help = Place::new().good(&["help"]);
    assert!(help.contains("plan") && !help.contains("plan-step"), "{help}");
}
