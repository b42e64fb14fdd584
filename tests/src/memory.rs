//! What is in the memory of a process: a search through all that it may write to, freed blocks included.
//!
//! It reads `/proc/self/mem`, which needs no unsafe code, and Linux. What is searched for is given masked, so that the
//! search does not find itself.
use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
};

/// What every byte of a needle is masked with.
pub const MASK: u8 = 0xA5;

const CHUNK: usize = 1 << 20;
const LONGEST: usize = 64;

/// Where something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The stack of the main thread.
    Stack,
    /// Anywhere else: the heap, freed or not, and statics.
    Heap,
}

/// Secret bytes to search for, masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needle {
    /// What they are.
    pub name: String,
    /// The bytes, masked.
    pub masked: Vec<u8>,
}

impl Needle {
    /// Masks some bytes.
    #[must_use]
    pub fn new(name: &str, bytes: &[u8]) -> Self {
        assert!(
            (16..=LONGEST).contains(&bytes.len()),
            "shorter ones are found by chance"
        );
        Self {
            name: name.into(),
            masked: masked(bytes),
        }
    }
}

/// Bytes with their mask put on or taken off.
#[must_use]
pub fn masked(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte ^ MASK).collect()
}

/// A search for the same needles at several times. Its own buffer is taken beforehand, so that it does not overwrite what it
/// looks for in freed memory.
#[derive(Debug)]
pub struct Search {
    needles: Vec<Needle>,
    chunk: Vec<u8>,
}

impl Search {
    /// Takes what it needs.
    #[must_use]
    pub fn new(needles: Vec<Needle>) -> Self {
        let chunk = vec![0; CHUNK];
        Self { needles, chunk }
    }

    /// What is searched for.
    #[must_use]
    pub fn needles(&self) -> &[Needle] {
        &self.needles
    }

    /// The name of each needle that is in this process's memory, with its place, each once. For processes of one
    /// thread: what another thread gives back meanwhile cannot be read.
    ///
    /// # Errors
    /// What `/proc` answers.
    pub fn find(&mut self) -> io::Result<Vec<(String, Place)>> {
        let mut memory = File::open("/proc/self/mem")?;
        // The chunk holds what it was read from, and is in memory too.
        let own = self.chunk.as_ptr() as usize;
        let own = own..own + CHUNK;
        let mut found = Vec::new();
        for (start, end, place) in writable()? {
            for at in (start..end).step_by(CHUNK - LONGEST) {
                let len = CHUNK.min(end - at);
                memory.seek(SeekFrom::Start(at as u64))?;
                let chunk = &mut self.chunk[..len];
                memory.read_exact(chunk)?;
                for needle in &self.needles {
                    if (0..len).any(|from| !own.contains(&(at + from)) && is_at(needle, &chunk[from..])) {
                        found.push((needle.name.clone(), place));
                    }
                }
                chunk.fill(0);
            }
        }
        found.sort();
        found.dedup();
        Ok(found)
    }
}

fn is_at(needle: &Needle, bytes: &[u8]) -> bool {
    bytes.len() >= needle.masked.len()
        && bytes
            .iter()
            .zip(&needle.masked)
            .all(|(byte, masked)| byte ^ MASK == *masked)
}

/// The ranges of addresses that the process may read and write.
fn writable() -> io::Result<Vec<(usize, usize, Place)>> {
    let maps = fs::read_to_string("/proc/self/maps")?;
    let ranges = maps.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let place = match words.next()? {
            access if !access.starts_with("rw") => return None,
            _ if line.ends_with("[stack]") => Place::Stack,
            _ => Place::Heap,
        };
        let address = |hex| usize::from_str_radix(hex, 16).ok();
        Some((address(start)?, address(end)?, place))
    });
    Ok(ranges.collect())
}
