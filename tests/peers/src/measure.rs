//! Contenders in turns, so that what else the machine does meets all of them alike.
use std::{fmt, hint::black_box, time::Instant};

/// A small message.
pub const SMALL: usize = 300;
/// A stream: long enough to make beginning and end vanish, short enough for every peer.
pub const STREAM: usize = 16 << 20;
/// The portions that a stream arrives in.
pub const PORTION: usize = 1 << 20;

/// Nanoseconds for the calls of one turn.
const TURN: f64 = 1e6;

#[derive(Clone, Copy)]
pub enum Call {
    Seal,
    Open,
    SealStream,
    OpenStream,
}

impl Call {
    pub const ALL: [Self; 4] = [Self::Seal, Self::Open, Self::SealStream, Self::OpenStream];

    /// A stream takes longer, and is disturbed less.
    const fn rounds(self) -> usize {
        match self {
            Self::Seal | Self::Open => 400,
            Self::SealStream | Self::OpenStream => 40,
        }
    }

    pub fn text(self, nanoseconds: f64) -> String {
        match self {
            Self::Seal | Self::Open => format!("{:.2} µs", nanoseconds / 1e3),
            Self::SealStream | Self::OpenStream => format!("{:.2} GB/s", STREAM as f64 / nanoseconds),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seal => "seal 300 bytes",
            Self::Open => "open 300 bytes",
            Self::SealStream => "seal a stream",
            Self::OpenStream => "open a stream",
        })
    }
}

/// Makes a call so many times.
pub type Repeat = Box<dyn FnMut(u32)>;

pub struct Contender {
    pub name: &'static str,
    /// Whether a message opens under one key only: `yes`, `no`, or what does.
    pub commits: &'static str,
    /// In the order of [`Call::ALL`].
    pub calls: [Repeat; 4],
}

/// Nanoseconds for one call in its fastest turn, by contender and call.
pub type Times = Vec<[f64; 4]>;

pub fn all(contenders: &mut [Contender]) -> Times {
    let mut times = vec![[f64::INFINITY; 4]; contenders.len()];
    for call in Call::ALL {
        let at = call as usize;
        let calls = contenders.iter_mut().map(|one| &mut one.calls[at]);
        let fastest = turns(&mut calls.collect::<Vec<_>>(), call.rounds());
        for (times, fastest) in times.iter_mut().zip(fastest) {
            times[at] = fastest;
        }
    }
    times
}

/// Nanoseconds for one of each of these calls, in the fastest of so many turns.
pub fn turns(calls: &mut [&mut Repeat], rounds: usize) -> Vec<f64> {
    let repeats: Vec<u32> = calls.iter_mut().map(|call| calibrate(call)).collect();
    let mut times = vec![f64::INFINITY; calls.len()];
    for _ in 0..rounds {
        for ((call, repeats), fastest) in calls.iter_mut().zip(&repeats).zip(&mut times) {
            *fastest = fastest.min(one(call, *repeats));
        }
    }
    times
}

/// How often a call fits into a turn; makes what is made once before that.
fn calibrate(call: &mut Repeat) -> u32 {
    call(2);
    let once = one(call, 3);
    (TURN / once).clamp(1.0, 1e5) as u32
}

fn one(call: &mut Repeat, repeats: u32) -> f64 {
    let start = Instant::now();
    call(black_box(repeats));
    start.elapsed().as_nanos() as f64 / f64::from(repeats)
}

/// A plaintext that is neither all the same nor random.
pub fn plaintext(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

/// A runtime for one contender: all of them are asynchronous, and none waits for anything.
pub fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
