//! Ids by index, in memory: what the tables of live and of imported ids point at.

const ARENA_IDS: usize = 65_536;

/// Ids one after the other. Only ever grows.
#[derive(Debug, Default)]
pub(super) struct Ids {
    count: u32,
    arenas: Vec<Arena>,
}

/// Up to 65,536 ids, one after the other.
#[derive(Debug, Default)]
struct Arena {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Ids {
    /// How many there are.
    pub(super) fn len(&self) -> u32 {
        self.count
    }

    /// Appends an id.
    pub(super) fn push(&mut self, id: &[u8]) {
        if (self.count as usize).is_multiple_of(ARENA_IDS) {
            if let Some(full) = self.arenas.last_mut() {
                full.bytes.shrink_to_fit();
            }
            self.arenas.push(Arena::default());
        }
        if let Some(arena) = self.arenas.last_mut() {
            arena.bytes.extend_from_slice(id);
            // 65,536 ids of 1,024 bytes end at 64 MiB.
            arena.ends.push(arena.bytes.len() as u32);
        }
        self.count += 1;
    }

    /// The id at an index that a table or the count vouches for.
    pub(super) fn at(&self, index: u32) -> &[u8] {
        let arena = &self.arenas[index as usize / ARENA_IDS];
        let i = index as usize % ARENA_IDS;
        let start = if i == 0 { 0 } else { arena.ends[i - 1] };
        &arena.bytes[start as usize..arena.ends[i] as usize]
    }

    /// All of them, in order.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        (0..self.count).map(|index| self.at(index))
    }

    /// Bytes of memory held.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.arenas.iter().map(|a| a.bytes.capacity() + 4 * a.ends.capacity()).sum()
    }
}
