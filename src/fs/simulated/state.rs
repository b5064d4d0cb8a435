//! Files and folders, each with what is durable, what is seen, and the changes between.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path};
use std::sync::Arc;

/// The root folder's node.
pub(super) const ROOT: u64 = 0;

#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) nodes: BTreeMap<u64, Node>,
    next_node: u64,
    /// Orders all changes by time.
    next_stamp: u64,
    /// Nodes of locked files.
    pub(super) locks: BTreeSet<u64>,
}

#[derive(Debug, Clone)]
pub(super) enum Node {
    File(FileNode),
    Dir(DirNode),
}

#[derive(Debug, Clone, Default)]
pub(super) struct FileNode {
    pub(super) live: Arc<Vec<u8>>,
    pub(super) durable: Arc<Vec<u8>>,
    pub(super) pending: Vec<(u64, Change)>,
}

/// An unsynced change of a file.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Write { offset: usize, bytes: Arc<[u8]> },
    Empty,
}

#[derive(Debug, Clone, Default)]
pub(super) struct DirNode {
    pub(super) live: BTreeMap<String, u64>,
    pub(super) durable: BTreeMap<String, u64>,
    pub(super) pending: Vec<(u64, NameChange)>,
}

/// An unsynced change of a folder.
#[derive(Debug, Clone)]
pub(super) enum NameChange {
    Put { name: String, node: u64 },
    Remove { name: String },
    Rename { from: String, to: String, node: u64 },
}

impl Change {
    pub(super) fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Change::Empty => content.clear(),
            Change::Write { offset, bytes } => {
                let end = offset + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*offset..end].copy_from_slice(bytes);
            }
        }
    }
}

impl NameChange {
    pub(super) fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            NameChange::Put { name, node } => {
                names.insert(name.clone(), *node);
            }
            NameChange::Remove { name } => {
                names.remove(name);
            }
            NameChange::Rename { from, to, node } => {
                names.remove(from);
                names.insert(to.clone(), *node);
            }
        }
    }
}

impl FileNode {
    pub(super) fn sync(&mut self) {
        for (_, change) in self.pending.drain(..) {
            change.apply(Arc::make_mut(&mut self.durable));
        }
    }
}

impl DirNode {
    pub(super) fn sync(&mut self) {
        for (_, change) in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }
}

impl Default for State {
    fn default() -> State {
        let nodes = BTreeMap::from([(ROOT, Node::Dir(DirNode::default()))]);
        State { nodes, next_node: 1, next_stamp: 0, locks: BTreeSet::new() }
    }
}

impl State {
    /// The node that a path names now.
    pub(super) fn find(&self, path: &Path) -> io::Result<u64> {
        names(path)?.into_iter().try_fold(ROOT, |node, name| match self.nodes.get(&node) {
            Some(Node::Dir(dir)) => dir.live.get(name).copied().ok_or_else(not_found),
            _ => Err(io::Error::from(io::ErrorKind::NotADirectory)),
        })
    }

    pub(super) fn file(&mut self, node: u64) -> io::Result<&mut FileNode> {
        match self.nodes.get_mut(&node) {
            Some(Node::File(file)) => Ok(file),
            _ => Err(io::Error::from(io::ErrorKind::IsADirectory)),
        }
    }

    pub(super) fn dir(&mut self, node: u64) -> io::Result<&mut DirNode> {
        match self.nodes.get_mut(&node) {
            Some(Node::Dir(dir)) => Ok(dir),
            _ => Err(io::Error::from(io::ErrorKind::NotADirectory)),
        }
    }

    pub(super) fn create_dir_all(&mut self, path: &Path) -> io::Result<()> {
        let mut at = ROOT;
        for name in names(path)? {
            at = match self.dir(at)?.live.get(name).copied() {
                Some(node) => node,
                None => self.add(at, name, Node::Dir(DirNode::default()))?,
            };
        }
        self.dir(at).map(|_| ())
    }

    /// A new file, or the old one of that name, emptied.
    pub(super) fn create(&mut self, path: &Path) -> io::Result<u64> {
        let (folder, name) = self.split(path)?;
        let stamp = self.stamp();
        let Some(node) = self.dir(folder)?.live.get(&name).copied() else {
            return self.add(folder, &name, Node::File(FileNode::default()));
        };
        let file = self.file(node)?;
        file.live = Arc::default();
        file.pending.push((stamp, Change::Empty));
        Ok(node)
    }

    pub(super) fn append(&mut self, node: u64, bytes: &[u8]) -> io::Result<()> {
        let stamp = self.stamp();
        let file = self.file(node)?;
        let change = Change::Write { offset: file.live.len(), bytes: bytes.into() };
        change.apply(Arc::make_mut(&mut file.live));
        file.pending.push((stamp, change));
        Ok(())
    }

    pub(super) fn truncate(&mut self, path: &Path, len: u64) -> io::Result<()> {
        let node = self.find(path)?;
        let file = self.file(node)?;
        let len = usize::try_from(len).ok().filter(|len| *len <= file.live.len());
        let len = len.ok_or(io::Error::from(io::ErrorKind::InvalidInput))?;
        file.sync();
        Arc::make_mut(&mut file.live).truncate(len);
        // What a failed sync lost stays lost, but the length is durable.
        Arc::make_mut(&mut file.durable).resize(len, 0);
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let ((folder, from), (target, to)) = (self.split(from)?, self.split(to)?);
        if folder != target {
            // `Fs` promises names within one folder only: two could not be made durable at once.
            return Err(io::Error::from(io::ErrorKind::CrossesDevices));
        }
        let stamp = self.stamp();
        let dir = self.dir(folder)?;
        let node = dir.live.get(&from).copied().ok_or_else(not_found)?;
        let change = NameChange::Rename { from, to, node };
        change.apply(&mut dir.live);
        dir.pending.push((stamp, change));
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        let (folder, name) = self.split(path)?;
        let Some(node) = self.dir(folder)?.live.get(&name).copied() else {
            return Ok(());
        };
        self.file(node)?;
        let stamp = self.stamp();
        let dir = self.dir(folder)?;
        let change = NameChange::Remove { name };
        change.apply(&mut dir.live);
        dir.pending.push((stamp, change));
        Ok(())
    }

    fn add(&mut self, folder: u64, name: &str, new: Node) -> io::Result<u64> {
        let (node, stamp) = (self.next_node, self.stamp());
        let dir = self.dir(folder)?;
        let change = NameChange::Put { name: name.into(), node };
        change.apply(&mut dir.live);
        dir.pending.push((stamp, change));
        self.next_node += 1;
        self.nodes.insert(node, new);
        Ok(node)
    }

    /// The folder's node and the last name of a path.
    fn split(&self, path: &Path) -> io::Result<(u64, String)> {
        let name = path.file_name().and_then(OsStr::to_str);
        let name = name.ok_or(io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok((self.find(path.parent().unwrap_or(Path::new("")))?, name.into()))
    }

    fn stamp(&mut self) -> u64 {
        self.next_stamp += 1;
        self.next_stamp
    }
}

fn names(path: &Path) -> io::Result<Vec<&str>> {
    let named = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_str().ok_or(io::ErrorKind::InvalidInput.into())),
        Component::RootDir | Component::CurDir => None,
        _ => Some(Err(io::ErrorKind::InvalidInput.into())),
    });
    named.collect()
}

fn not_found() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}
