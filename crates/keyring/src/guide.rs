//! Pages to read, without items: how to size, run, watch and test a cache of data keys, and how to give it a message format.
//!
//! | page | answers |
//! |---|---|
//! | [`sizing`] | how many calls there will be, which limits to set, and what each exposes |
//! | [`outages`] | what happens while the key service throttles, hangs, fails or refuses |
//! | [`watching`] | why there are calls at all, what to draw, what to alert on |
//! | [`formats`] | how to keep what a message format prepares, instead of data keys |
//! | [`processes`] | runtimes, threads, sleep, forks, and the end of a process |
//! | [`testing`] | how to test what is built on a keyring |
pub mod formats;
pub mod outages;
pub mod processes;
pub mod sizing;
pub mod testing;
pub mod watching;
