//! Programs that run beside this one.
use std::process::Child;

/// A process that ends when this one lets go of it.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Whatever cannot be killed has ended.
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}
