//! A damaged database at the command line: found, asked in part, repaired.

use super::{Place, shop};
use std::path::{Path, PathBuf};

fn damaged(ending: &str) -> (Place, PathBuf) {
    let place = shop();
    let root = place.0.path().join("shop");
    let path = last_file(&root, ending);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    (place, path)
}

fn last_file(root: &Path, name: &str) -> PathBuf {
    let dirs = [root.to_path_buf(), root.join("days"), root.join("users")];
    let files = dirs.iter().flat_map(|dir| std::fs::read_dir(dir).unwrap());
    let files = files.map(|file| file.unwrap().path());
    files.filter(|path| path.display().to_string().contains(name)).max().unwrap()
}

#[test]
fn a_damaged_day_is_found_left_out_and_set_aside() {
    let (place, path) = damaged(".day");
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let active = ["active", "shop", "--event", "purchase", "--event", "signup"];

    place.bad(5, &["verify", "shop"], &[&name, "days that cannot be read: 2024-03-"]);
    place.bad(5, &active, &[&name, "`allow_partial`", "`daybit repair`"]);
    let partial = [&active[..], &["--allow-partial"]].concat();
    let text = place.good(&partial);
    assert!(text.starts_with("PARTIAL ANSWER: "), "{text}");
    let json = place.json(&[&partial[..], &["--format", "json"]].concat());
    assert_eq!(json["info"]["partial"]["files"][0], format!("days/{name}"));
    let csv = place.run(&[&partial[..], &["--format", "csv"]].concat());
    assert!(String::from_utf8_lossy(&csv.stderr).contains("PARTIAL ANSWER: "));

    let bytes = std::fs::read(&path).unwrap();
    let dry = place.run(&["repair", "shop", "--dry-run"]);
    assert_eq!(dry.status.code(), Some(5));
    let dry = String::from_utf8(dry.stdout).unwrap();
    assert!(dry.contains("are lost") && dry.ends_with("Nothing was changed.\n"), "{dry}");
    assert!(path.exists());

    let report = place.json(&["repair", "shop", "--json"]);
    assert_eq!(report["folder"], "damaged/1");
    assert_eq!(report["days"], json["info"]["partial"]["days"]);
    let aside = place.0.path().join("shop/damaged/1/days").join(&name);
    assert_eq!(std::fs::read(aside).unwrap(), bytes);
    assert!(place.good(&["verify", "shop"]).starts_with("Whole: "));
    assert!(!place.good(&active).contains("PARTIAL"));
    assert_eq!(
        place.good(&["repair", "shop"]),
        "Whole: nothing is damaged, nothing was changed.\n"
    );
}

#[test]
fn a_database_that_does_not_open_is_verified_and_repaired() {
    let (place, path) = damaged("MANIFEST");
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    place.bad(5, &["info", "shop"], &[&name, "`daybit repair`"]);
    place.bad(5, &["verify", "shop"], &[&name]);
    let said = place.good(&["repair", "shop"]);
    assert!(said.contains("nothing is lost") && said.contains("damaged/1"), "{said}");
    assert!(place.good(&["info", "shop"]).contains("5, 1 without a user"));
}

#[test]
fn what_cannot_be_repaired_is_left_as_it_is() {
    let (place, path) = damaged(".users");
    let bytes = std::fs::read(&path).unwrap();
    place.bad(5, &["repair", "shop"], &[".users", "restore a backup"]);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert!(!place.0.path().join("shop/damaged").exists());
}
