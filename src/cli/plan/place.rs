//! The folder that samples live in, and its end: nothing of it is left behind.
//!
//! A process of its own removes the folder as soon as this one is gone, whatever ended it: it waits
//! for the end of a pipe that only this process holds, and is out of reach of a terminal's Ctrl-C.

use super::step::{self, Job};
use crate::failure::Failure;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin};

/// A folder that goes when it is dropped, or when the process ends in any other way.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    /// The process that sweeps, and the pipe whose end it waits for.
    broom: Child,
    pipe: Option<ChildStdin>,
}

impl Place {
    /// Makes a new folder in `parent`, or in the system's temporary place.
    pub fn new(parent: Option<&Path>) -> Result<Place, Failure> {
        let parent = parent.map_or_else(std::env::temp_dir, Path::to_path_buf);
        if !parent.is_dir() {
            let parent = parent.display();
            return Err(Failure::input(format!(
                "--work {parent} is not a folder: name one that is there, with some gigabytes free"
            )));
        }
        let parent = parent.canonicalize()?;
        let path = parent.join(format!("daybit-plan-{}", std::process::id()));
        std::fs::create_dir(&path).map_err(|e| {
            Failure::input(format!("cannot make {}: {e}; choose with --work", path.display()))
        })?;
        let mut command = step::command()?;
        command.process_group(0);
        let started = step::start(command, &Job::Sweep { folder: path.clone() });
        match started {
            Ok((broom, pipe)) => Ok(Place { path, broom, pipe: Some(pipe) }),
            Err(failure) => {
                let _ = std::fs::remove_dir_all(&path);
                Err(failure)
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that can still be written here, where the system tells.
    pub fn free_bytes(&self) -> Option<f64> {
        let output = std::process::Command::new("df").arg("-Pk").arg(&self.path).output().ok()?;
        free_in(&String::from_utf8_lossy(&output.stdout))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.broom.wait();
    }
}

/// The fourth field of the last line of `df -Pk`, in kibibytes. A device's name may hold spaces, so
/// fields are counted from the percent sign.
fn free_in(told: &str) -> Option<f64> {
    let line = told.lines().nth(1)?;
    let fields: Vec<&str> = line.split_whitespace().collect();
    let percent = fields.iter().position(|field| field.ends_with('%'))?;
    let kibibytes: f64 = fields.get(percent.checked_sub(1)?)?.parse().ok()?;
    Some(kibibytes * 1_024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_space_is_read_from_df() {
        let head = "Filesystem     1024-blocks     Used Available Capacity Mounted on\n";
        let line = |device: &str| format!("{head}{device} 100 40 60 40% /tmp\n");
        assert_eq!(free_in(&line("/dev/vda")), Some(61_440.0));
        assert_eq!(free_in(&line("my disk")), Some(61_440.0));
        for bad in ["", head, "a\nb c d\n", "a\n40%\n", "a\nx y% z\n"] {
            assert_eq!(free_in(bad), None, "{bad:?}");
        }
    }
}
