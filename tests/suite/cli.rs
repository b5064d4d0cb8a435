//! The command line as a stranger meets it: the main job, wrong turns, and what each exit code
//! says.

mod answers;
mod cohorts;
mod plan;
mod repair;
mod reports;

use crate::support::folder;
use serde_json::{Value as Json, json};
use std::path::Path;
use std::process::{Command, Output, Stdio};

const EVENTS: &str = "user,activity,time,price,plan\n\
    anna,signup,2024-03-01T09:00:00Z,,free\n\
    ben,signup,2024-03-02T09:00:00Z,,free\n\
    anna,purchase,2024-03-09T10:30:00Z,12.50,pro\n\
    007,purchase,2024-03-10T10:30:00Z,3,pro\n\
    ,purchase,2024-03-10T11:00:00Z,4.00,\n";

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        Place(folder())
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.0.path().join(name), content).unwrap();
        name.to_string()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, "")
    }

    fn run_with(&self, arguments: &[&str], input: &str) -> Output {
        use std::io::Write;
        let mut child = Command::new(env!("CARGO_BIN_EXE_daybit"))
            .args(arguments)
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A command that fails early does not read its input.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().unwrap()
    }

    /// Runs what must succeed; answers its output.
    fn good(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {complaint}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs what must fail with this exit code, in one sentence that holds these words.
    fn bad(&self, code: i32, arguments: &[&str], words: &[&str]) {
        let output = self.run(arguments);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {complaint}");
        for word in words {
            assert!(complaint.contains(word), "{arguments:?} says {complaint:?}, without {word:?}");
        }
        assert!(!complaint.contains("panicked"), "{complaint}");
    }

    fn json(&self, arguments: &[&str]) -> Json {
        serde_json::from_str(&self.good(arguments)).unwrap()
    }
}

/// A folder with `shop`, a small database.
fn shop() -> Place {
    let place = Place::new();
    place.file("events.csv", EVENTS);
    place.good(&["import", "shop", "events.csv"]);
    place
}

#[test]
fn the_demo_prints_a_growth_report_of_real_invoices() {
    let place = Place::new();
    let report = place.good(&["demo", "demo-db"]);
    for words in [
        "541,909 events",
        "135,080 without a user",
        "resurrected",
        "Stickiness",
        "retention",
        "948",
    ] {
        assert!(report.contains(words), "no {words:?} in\n{report}");
    }
    assert!(!report.contains('\u{1b}'), "no colours on a pipe");
    place.bad(2, &["demo", "demo-db"], &["demo-db"]);
}

#[test]
fn importing_twice_changes_nothing_and_says_so() {
    let place = shop();
    let first = place.good(&["active", "shop", "--format", "csv"]);
    let again = place.good(&["import", "shop", "events.csv"]);
    assert!(again.contains("Nothing changed"), "{again}");
    assert_eq!(place.good(&["active", "shop", "--format", "csv"]), first);
}

#[test]
fn reports_answer_in_every_format() {
    let place = shop();
    let table = place.good(&["growth", "shop", "--by", "week"]);
    assert!(table.contains("resurrected"), "{table}");
    let answer = place.json(&["active", "shop", "--by", "month", "--format", "json"]);
    assert_eq!(answer["series"][0]["users"], json!([3]));
    let csv = place.good(&["active", "shop", "--by", "month", "--format", "csv"]);
    assert_eq!(csv.lines().next(), Some("start,complete,users"));
    let rows = place.good(&["active", "shop", "--by", "month", "--format", "rows"]);
    let row: Json = serde_json::from_str(rows.lines().next().unwrap()).unwrap();
    assert_eq!(row["users"], 3);
    for report in ["frequency", "stickiness", "states", "retention", "count", "users"] {
        assert!(!place.good(&[report, "shop"]).is_empty(), "{report}");
    }
}

#[test]
fn several_queries_are_answered_in_order_each_alone() {
    let place = shop();
    let queries =
        r#"[{"report": "count"}, {"report": "counts"}, {"report": "active", "by": "all"}]"#;
    let output = place.run(&["query", "shop", queries]);
    let answers: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(answers[0]["series"][0]["count"], 3);
    assert!(answers[1]["error"].as_str().unwrap().contains("counts"));
    assert_eq!(answers[2]["series"][0]["users"], json!([3]));
    // How far it is, is told on a terminal only.
    assert!(output.stderr.is_empty());
    assert_eq!(place.good(&["query", "shop", "[]"]), "[]\n");
    let piped = place.run_with(&["query", "shop", "-"], r#"{"report": "count"}"#);
    assert!(piped.status.success());
}

#[test]
fn odd_ids_are_text_and_kept_apart() {
    let place = Place::new();
    place.file("odd.csv", "user,activity,time\nNA,a,2024-01-01\n0,a,2024-01-01\n7,a,2024-01-01\n007,a,2024-01-01\n\"a,b\",a,2024-01-01\n");
    place.good(&["import", "db", "odd.csv"]);
    let answer = place.json(&["users", "db", "--format", "json"]);
    assert_eq!(answer["series"][0]["ids"], json!(["0", "007", "7", "NA", "a,b"]));
}

#[test]
fn bad_rows_are_counted_and_the_rest_goes_in() {
    let place = Place::new();
    let long = "x".repeat(2_000);
    let rows = format!(
        "user,activity,time\nanna,a,2024-01-01\nben,a,2024-13-01\n{long},a,2024-01-01\n\
         cleo,,2024-01-01\ndora,a\nemil,a,2024-01-01,more\nfay,a,1678-05-05\ngus,a,2262-05-05T00:00:00Z\n"
    );
    let mut bytes = rows.into_bytes();
    bytes.extend_from_slice(b"h\xff,a,2024-01-01\ni\0,a,2024-01-01\nzoe,a,2024-01-02\n");
    place.file("rows.csv", bytes);
    let receipt = place.json(&["import", "db", "rows.csv", "--json"]);
    assert_eq!(receipt["accepted"], 4, "{receipt}");
    assert_eq!(receipt["rejected"], 7, "{receipt}");
    let lines: Vec<u64> = receipt["first_rejects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["line"].as_u64().unwrap())
        .collect();
    assert_eq!(lines, [3, 4, 5, 6, 7, 10, 11]);
    let rejects = std::fs::read(place.0.path().join("db.rejects.csv")).unwrap();
    assert!(String::from_utf8_lossy(&rejects).contains("2024-13-01"));
}

#[test]
fn strict_leaves_the_database_as_it_was() {
    let place = shop();
    let before = place.good(&["info", "shop", "--json"]);
    place.file("bad.csv", "user,activity,time\nx,a,2024-01-01\ny,a,never\n");
    place.bad(2, &["import", "shop", "bad.csv", "--strict"], &["line 3", "never"]);
    assert_eq!(place.good(&["info", "shop", "--json"]), before);
}

#[test]
fn wrong_files_are_one_clear_sentence() {
    let place = shop();
    place.file("empty.csv", "");
    place.file("twice.csv", "user,activity,time,user\na,b,2024-01-01,c\n");
    place.file("none.csv", "person,activity,time\na,b,2024-01-01\n");
    place.file("cut.csv.gz", &std::fs::read(shipped()).unwrap()[..20_000]);
    place.file("not.parquet", "PAR1 or so");
    for (file, words) in [
        ("empty.csv", "empty"),
        ("twice.csv", "user"),
        ("none.csv", "person"),
        ("cut.csv.gz", "cut.csv.gz"),
        ("not.parquet", "not.parquet"),
        ("absent.csv", "absent.csv"),
    ] {
        let output = place.run(&["import", "shop", file]);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{file} was taken");
        assert!(
            complaint.contains(words) && !complaint.contains("panicked"),
            "{file}: {complaint}"
        );
    }
    let head = place.file("head.csv", "user,activity,time\n");
    assert!(place.good(&["import", "shop", &head]).contains("0 events"));
}

fn shipped() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/online-retail.csv.gz")
}

#[test]
fn wrong_questions_name_the_field_and_the_way_out() {
    let place = shop();
    place.bad(2, &["active", "shop", "--from", "2024-05-01", "--to", "2024-04-01"], &["from"]);
    place.bad(2, &["active", "shop", "--time-zone", "Mars/Olympus"], &["Mars/Olympus"]);
    place.bad(2, &["active", "shop", "--by", "fortnight"], &["fortnight", "week"]);
    place.bad(2, &["active", "shop", "--where", "plan>7"], &["\"plan\"", "7", "number"]);
    let five = ["a", "b", "c", "d", "e"].map(|property| ["--breakdown", property]).concat();
    place.bad(2, &[&["active", "shop"], &five[..]].concat(), &["breakdown", "4"]);
    place.bad(2, &["retention", "shop", "--window", "sideways"], &["sideways", "elapsed"]);
    place.bad(2, &["query", "shop", "{\"report\": \"funnel\", \"steps\": []}"], &["steps", "30"]);
    place.bad(2, &["query", "shop", "nonsense"], &["JSON"]);
    place.bad(2, &["active", "shop", "--users", "{"], &["--users"]);
    place.bad(2, &["create", "zoned", "--time-zone", "Nowhere"], &["Nowhere"]);
}

#[test]
fn a_name_never_seen_is_a_warning() {
    let output = shop().run(&["active", "shop", "--event", "purchse", "--by", "all"]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("purchse"));
}

#[test]
fn a_path_that_is_no_database_says_so() {
    let place = shop();
    place.bad(3, &["active", "nowhere"], &["nowhere"]);
    std::fs::create_dir(place.0.path().join("folder")).unwrap();
    place.bad(3, &["info", "folder"], &["not a daybit database"]);
    place.bad(2, &["create", "shop"], &["shop"]);
    place.file("plain", "text");
    assert!(!place.run(&["info", "plain"]).status.success());
}

#[test]
fn verify_finds_a_flipped_bit_and_names_the_file() {
    let place = shop();
    assert!(place.good(&["verify", "shop"]).starts_with("Whole"));
    let days = place.0.path().join("shop/days");
    let day = std::fs::read_dir(days)
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "day"))
        .unwrap();
    let mut bytes = std::fs::read(&day).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&day, bytes).unwrap();
    let name = day.file_name().unwrap().to_str().unwrap();
    place.bad(5, &["verify", "shop"], &[name]);
}

#[test]
fn a_backup_answers_as_its_original_does() {
    let place = shop();
    assert!(place.good(&["backup", "shop", "copy"]).starts_with("Copied"));
    let answer = |db: &str| place.good(&["active", db, "--by", "month", "--format", "csv"]);
    assert_eq!(answer("copy"), answer("shop"));
    assert!(place.good(&["verify", "copy"]).starts_with("Whole"));
    place.bad(2, &["backup", "shop", "copy"], &["copy", "already"]);
    place.bad(2, &["backup", "shop", "shop"], &["shop"]);
    place.bad(3, &["backup", "nowhere", "another"], &["nowhere"]);
    assert!(!place.0.path().join("another").exists());
}

#[test]
fn old_rows_and_days_go_and_people_are_told_as_before() {
    let place = shop();
    let from = ["--from", "2024-03-01", "--to", "2024-04-01", "--format", "csv"];
    let growth = || place.good(&[&["growth", "shop"], &from[..]].concat());
    let before = growth();
    let told = place.good(&["drop", "rows", "shop", "--before", "-0d"]);
    assert!(told.starts_with("Dropped "), "{told}");
    assert_eq!(growth(), before);
    place.bad(2, &[&["sessions", "shop"], &from[..]].concat(), &["dropped", "2024-03-"]);
    assert!(place.good(&["verify", "shop"]).starts_with("Whole"));
    assert!(place.good(&["drop", "rows", "shop", "--before", "-1d"]).starts_with("Dropped 0 "));
    place.good(&["drop", "days", "shop", "--before", "-0d"]);
    let output = place.run(&[&["growth", "shop"], &from[..]].concat());
    assert!(String::from_utf8_lossy(&output.stderr).contains("dropped"), "{output:?}");
    assert!(place.good(&["info", "shop"]).contains("dropped until 2024-03-"));
    place.bad(2, &["drop", "days", "shop", "--before", "9024-01-01"], &["has yet to come"]);
    place.bad(2, &["drop", "rows", "shop", "--before", "yesterday"], &["yesterday", "-400d"]);
    place.bad(2, &["drop", "all", "shop", "--before", "-1d"], &["rows", "days"]);
    place.bad(3, &["drop", "rows", "nowhere", "--before", "-1d"], &["nowhere"]);
}

#[test]
fn an_erased_person_is_gone_until_readmitted() {
    let place = shop();
    let actives = || place.good(&["active", "shop", "--by", "all", "--format", "csv"]);
    let before = actives();
    let told = place.good(&["erase", "shop", "anna", "nobody", "--json"]);
    let receipt: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&receipt["erased"], &receipt["unknown"][0]), (&1.into(), &"nobody".into()));
    assert!(receipt["events"].as_u64() > Some(0) && receipt["waiting"] == serde_json::json!([]));
    assert_ne!(actives(), before);
    assert!(!place.good(&["export", "shop", "users"]).contains("anna"));
    assert!(place.good(&["verify", "shop"]).starts_with("Whole"));
    let late =
        place.file("late.csv", "user,activity,time\nanna,visit,2024-03-20\nzoe,visit,2024-03-20\n");
    let output = place.run(&["import", "shop", &late, "--rejects", "bad.txt"]);
    assert!(output.status.success());
    let rejects = std::fs::read_to_string(place.0.path().join("bad.txt")).unwrap();
    assert!(rejects.contains("erased") && !rejects.contains("anna"), "{rejects}");
    place.file("ids", "\u{feff}anna\r\n\r\n");
    assert!(place.good(&["readmit", "shop", "--ids-from", "ids"]).contains("1 of 1"));
    let told = place.good(&["erase", "shop", "zoe"]);
    assert!(told.starts_with("Erased 1 person with 1 event.\n"), "{told}");
    let aside = || String::from_utf8(place.run(&["erase", "shop", "zoe"]).stderr).unwrap();
    assert_eq!(aside(), "");
    std::fs::create_dir(place.0.path().join("shop/damaged")).unwrap();
    assert!(aside().contains("damaged/"));
    place.bad(2, &["erase", "shop"], &["IDS"]);
    place.bad(2, &["erase", "shop", "--ids-from", "missing"], &["missing"]);
    place.bad(2, &["erase", "shop", ""], &["empty"]);
    place.bad(3, &["erase", "nowhere", "anna"], &["nowhere"]);
}

#[test]
fn exported_sets_are_portable_roaring_files() {
    let place = shop();
    place.good(&["export", "shop", "presence", "--day", "2024-03-09", "-o", "day.roaring"]);
    let bytes = std::fs::read(place.0.path().join("day.roaring")).unwrap();
    let users = roaring::RoaringBitmap::deserialize_from(&bytes[..]).unwrap();
    let names = place.good(&["export", "shop", "users"]);
    let anna = names.lines().find(|l| l.ends_with(",anna")).unwrap();
    let ordinal: u32 = anna.split(',').next().unwrap().parse().unwrap();
    assert_eq!(users.iter().collect::<Vec<_>>(), [ordinal]);
}

#[test]
fn standard_input_and_other_formats_are_read() {
    let place = Place::new();
    let lines = "{\"user\": 42, \"activity\": \"a\", \"time\": 1709287200, \"n\": 1.50}\n";
    let output = place.run_with(&["import", "db", "-", "--input", "ndjson"], lines);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer = place.json(&["users", "db", "--format", "json"]);
    assert_eq!(answer["series"][0]["ids"], json!(["42"]));
}

#[test]
fn days_can_be_replaced() {
    let place = shop();
    place.file("again.csv", "user,activity,time\nzoe,purchase,2024-03-10T08:00:00Z\n");
    let words = place.good(&["import", "shop", "again.csv", "--replace-days"]);
    assert!(words.contains("2 events replaced"), "{words}");
    let answer = place.json(&["active", "shop", "--from", "2024-03-10", "--format", "json"]);
    assert_eq!(answer["series"][0]["users"], json!([1]));
    // Whoever has no event left is nobody.
    assert_eq!(place.json(&["count", "shop", "--format", "json"])["series"][0]["count"], 3);
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let place = Place::new();
    place.file("events.csv", EVENTS);
    std::fs::create_dir(place.0.path().join("home")).unwrap();
    place.file("home/notes.tmp", "precious");
    place.file("home/catalog.9", "mine");
    place.bad(2, &["import", "home", "events.csv"], &["home", "not empty"]);
    place.bad(2, &["create", "home"], &["home", "not empty"]);
    place.bad(2, &["create", "events.csv"], &["events.csv", "is a file"]);
    let left: Vec<_> = std::fs::read_dir(place.0.path().join("home")).unwrap().collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn rejects_never_overwrite_a_file() {
    let place = Place::new();
    let bad = "user,activity,time\nanna,a,never\nben,a,2024-01-01\n";
    place.file("bad.csv", bad);
    place.bad(2, &["import", "db", "bad.csv", "--rejects", "bad.csv"], &["overwrite"]);
    place.file("db.rejects.csv", "my own notes");
    let words = place.good(&["import", "db", "bad.csv"]);
    assert!(words.contains("db.rejects.2.csv"), "{words}");
    let read = |name: &str| std::fs::read_to_string(place.0.path().join(name)).unwrap();
    assert_eq!((read("db.rejects.csv").as_str(), read("bad.csv").as_str()), ("my own notes", bad));
}

#[test]
fn a_growing_list_of_files_adds_only_the_new_one() {
    let place = Place::new();
    for day in 1..4 {
        place.file(&format!("{day}.csv"), format!("user,activity,time\nanna,a,2024-01-0{day}\n"));
    }
    place.good(&["import", "db", "1.csv", "2.csv"]);
    let words = place.good(&["import", "db", "1.csv", "2.csv", "3.csv"]);
    assert_eq!(words.matches("Nothing changed").count(), 2, "{words}");
    assert_eq!(place.json(&["info", "db", "--json"])["events"], 3);
    place.bad(2, &["import", "db", "1.csv", "1.csv"], &["named twice"]);
    place.bad(2, &["import", "other", "absent.csv"], &["absent.csv"]);
    assert!(!place.0.path().join("other").exists(), "nothing is made for a file that is not there");
}

#[test]
fn a_misspelt_column_is_not_stored_against_the_callers_word() {
    let place = Place::new();
    place.file("events.csv", EVENTS);
    place.bad(2, &["import", "db", "events.csv", "--skip", "pirce"], &["pirce", "price"]);
    place.bad(2, &["import", "db", "events.csv", "--type", "paln=text"], &["paln", "plan"]);
    let bounds = ["--not-before", "2024-02-02", "--not-after", "2024-01-01"];
    place.bad(2, &[&["import", "db", "events.csv"], &bounds[..]].concat(), &["2024-02-02"]);
}
