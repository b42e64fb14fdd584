//! How often calls allocate. In a binary of its own, because `allocation-counter` brings an allocator along; it counts by
//! thread, so that the modules do not disturb each other.

mod envelope;
mod esdk;
mod facade;
mod keyring;
mod retry;
