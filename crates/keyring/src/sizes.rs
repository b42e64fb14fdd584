//! What a kept key takes beside what the material prepared. Larger needs a reason, and another figure in the docs.
use crate::{kept::handle::Handle, opening, sealing};

#[test]
fn entries_are_as_large_as_documented() {
    let sizes = [
        size_of::<sealing::entry::Entry<()>>(),
        size_of::<opening::entry::Entry<()>>(),
        size_of::<Handle<()>>(),
    ];
    assert!(sizes[0] <= 576, "a sealing key: {} bytes", sizes[0]);
    assert!(sizes[1] <= 448, "an opening key: {} bytes", sizes[1]);
    assert_eq!(sizes[2], 64, "a stripe's handle is one cache line");
}
