//! A server whose disk is full: it says so, answers what it holds, and is whole when started again.

use super::client::Request;
use super::{Place, some_events};
use crate::small_disk::SmallDisk;
use crate::support::folder;
use serde_json::{Value as Json, json};

/// Events that compress badly.
fn large_events(number: usize) -> Json {
    let mut events = some_events("a", 50);
    for (n, event) in events.as_array_mut().unwrap().iter_mut().enumerate() {
        let text =
            |i: usize| format!("{:x}", (number * 50 + n + i).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        event["text"] = json!((0..200).map(text).collect::<String>());
    }
    events
}

#[test]
fn a_full_disk_is_told_and_loses_nothing() {
    let disk = match SmallDisk::mount() {
        Ok(disk) => disk,
        Err(why) => return println!("skipped: no disk may be mounted here: {why}"),
    };
    let place = Place(folder());
    let db = disk.path().join("db");
    std::os::unix::fs::symlink(&db, place.db()).unwrap();
    place.run(&["create", db.to_str().unwrap()]);
    let server = place.serve(&[]);
    // An import that does not fit is refused before anything of it is stored.
    let rows = (0..500_000).map(|n| format!("u{n},bulk,2024-03-01T00:00:00Z,{n}\n"));
    let csv = "user,activity,time,n\n".to_string() + &rows.collect::<String>();
    let import = server.send(Request::post("/v1/import", csv));
    assert_eq!(import.status, 507, "{}", import.text());
    assert_eq!(server.counts("bulk"), (0, 0));
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![1; 12 << 20]).unwrap();
    let (mut acknowledged, mut refused) = (0, Vec::new());
    for number in 0.. {
        let answer = server.events(&large_events(number));
        match answer.status {
            200 => acknowledged += 50,
            status => refused.push(status),
        }
        if refused.len() == 3 {
            break;
        }
    }
    let told = refused.iter().all(|status| [507, 503].contains(status));
    assert!(told && acknowledged > 0, "{refused:?} after {acknowledged} events");
    assert_eq!(server.counts("a").0, acknowledged);
    assert_eq!(server.get("/healthz").status, 200);
    std::fs::remove_file(ballast).unwrap();
    server.kill();
    let server = place.serve(&[]);
    let stored = server.counts("a").0;
    // What failed may have been written all the same, whole.
    assert!(stored == acknowledged || stored == acknowledged + 50, "{stored}, {acknowledged}");
    assert_eq!(server.events(&some_events("b", 5)).json()["accepted"], 5);
    assert!(server.stop().success());
    place.run(&["verify", "db"]);
}
