//! A reader beside a writer: it sees what was published, and takes no lock of the writer's.

use super::recover::missing;
use super::settings::Environment;
use super::view::{CurrentView, View};
use crate::catalog::lease::Lease;
use crate::catalog::manifest::Manifest;
use crate::error::{Error, ErrorKind, Result};
use crate::snapshot::Published;
use crate::snapshot::files::{OpenFiles, read_catalog, read_summary};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// How often a reader begins again when the writer publishes faster than it opens files.
const TRIES: usize = 20;

/// A database opened for reading.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) env: Environment,
    pub(crate) root: PathBuf,
    held: Mutex<Held>,
    pub(crate) view: CurrentView,
}

/// What the reader holds on disk: its lease keeps the files of its manifest from being deleted.
#[derive(Debug)]
struct Held {
    manifest: u64,
    lease: Option<Lease>,
    open: OpenFiles,
}

impl Reader {
    pub(crate) fn open(env: &Environment, root: &Path) -> Result<Reader> {
        let mut open = OpenFiles::default();
        let (published, lease) = newest(env, root, &mut open)?;
        let held = Held { manifest: published.manifest.number, lease, open };
        let view = CurrentView::new(View::of(published));
        Ok(Reader { env: env.clone(), root: root.to_path_buf(), held: Mutex::new(held), view })
    }

    /// Moves on to the newest published state; false where there is no newer one.
    pub(crate) fn refresh(&self) -> Result<bool> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if Manifest::newest(&*self.env.fs, &self.root)?.number == held.manifest {
            return Ok(false);
        }
        let (published, lease) = newest(&self.env, &self.root, &mut held.open)?;
        held.manifest = published.manifest.number;
        held.lease = lease;
        self.view.show(View::of(published));
        Ok(true)
    }
}

/// Opens what was published last. Between the look at the manifest and the lease the writer may
/// have deleted a file: then it has published, and the reader begins again.
fn newest(
    env: &Environment,
    root: &Path,
    open: &mut OpenFiles,
) -> Result<(Arc<Published>, Option<Lease>)> {
    let mut gone = None;
    for _ in 0..TRIES {
        let manifest = Manifest::newest(&*env.fs, root)?;
        let number = manifest.number;
        let lease = Lease::take(&env.fs, root, number, env.now())?;
        match published(env, root, open, manifest) {
            Ok(_) if open.misses_a_day() && gone != Some(number) => gone = Some(number),
            Ok(published) => return Ok((Arc::new(published), lease)),
            Err(e) if e.kind() == ErrorKind::NotFound && gone != Some(number) => {
                gone = Some(number);
            }
            Err(e) if e.kind() == ErrorKind::NotFound => {
                return Err(missing(e, number));
            }
            Err(e) => return Err(e),
        }
    }
    let message =
        format!("{} is published faster than it can be opened; try again", root.display());
    Err(Error::new(ErrorKind::Io, message))
}

fn published(
    env: &Environment,
    root: &Path,
    open: &mut OpenFiles,
    manifest: Manifest,
) -> Result<Published> {
    let fs = &*env.fs;
    let catalog = Arc::new(read_catalog(fs, root, manifest.catalog)?);
    let summary = read_summary(fs, root, manifest.summary)?;
    Published::open(fs, root, open, Arc::new(manifest), catalog, &summary, &[])
}
