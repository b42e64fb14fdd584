//! Where a data key is, for how long, and what is done so that it is nowhere else.
//!
//! # The life of a data key
//!
//! ```text
//! key service  ->  answer  ->  DataKey  ->  what a cipher makes of it  ->  gone
//! ```
//!
//! 1. **It is made** by the service or the operating system, and written into its place: one allocation on the heap, of exactly its length.
//!    [`DataKey::init`](crate::DataKey::init) and [`try_init`](crate::DataKey::try_init) hand that place out, so that no copy is on
//!    the stack first. [`from_slice`](crate::DataKey::from_slice) copies; wiping what it was copied from is for whoever has that.
//! 2. **It is moved**, never copied: moving a `DataKey` moves a pointer. There is no `Clone`. Whoever shares one puts it into an `Arc`.
//! 3. **It is used** through [`expose_secret`](crate::DataKey::expose_secret), whose name is easy to search for. A format derives from it
//!    what it needs and keeps that; those are secrets too, and under the same rules.
//! 4. **It is dropped**, which overwrites its bytes in a way that the compiler does not leave out.
//!
//! ```
//! use std::sync::Arc;
//! use datakey_provider::{DataKey, DataKeyLength};
//!
//! let key = DataKey::init(DataKeyLength::Bytes32, |place| {
//!     assert!(place.iter().all(|byte| *byte == 0)); // its own place, still empty
//!     place.fill(0x42); // a provider writes what the service answered
//! });
//! let shared = Arc::new(key);
//! let for_a_thread = Arc::clone(&shared);
//! let used = std::thread::spawn(move || for_a_thread.expose_secret().len()).join().unwrap();
//! assert_eq!(used, 32);
//! drop(shared); // the last one: the bytes are overwritten here
//! ```
//!
//! # What does not compile
//!
//! A second copy, and a comparison that tells by its time where two keys differ:
//!
//! ```compile_fail
//! use datakey_provider::{DataKey, DataKeyLength};
//! let key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
//! let copy = key.clone();
//! ```
//!
//! ```compile_fail
//! use datakey_provider::{DataKey, DataKeyLength};
//! let key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
//! assert!(key == key);
//! ```
//!
//! # What is not shown
//!
//! `Debug` of a [`DataKey`](crate::DataKey), of a [`GeneratedDataKey`](crate::GeneratedDataKey) and of whatever has one says its length and
//! no more. A [`WrappedKey`](crate::WrappedKey) shows its key id and the length of its blob. Errors have ids, codes and texts of the
//! service. So `{:?}` of anything here may go into a log.
//!
//! ```
//! use datakey_provider::{DataKey, DataKeyLength, GeneratedDataKey, WrappedKey};
//!
//! let key = DataKey::init(DataKeyLength::Bytes16, |bytes| bytes.fill(0xAB));
//! let made = GeneratedDataKey::new(key, WrappedKey::new("local:dev", vec![0xCD; 57])?);
//! let shown = format!("{made:?}").to_lowercase();
//! assert!(shown.contains("16 bytes") && shown.contains("local:dev"));
//! for of_a_key in ["ab", "171", "cd", "205"] {
//!     assert!(!shown.contains(of_a_key));
//! }
//! # Ok::<(), datakey_provider::WrappedKeyError>(())
//! ```
//!
//! # What is out of reach
//!
//! - **Buffers of the way there.** TLS, HTTP and JSON layers of a client hold the answer, with the key in it, and free their memory as it
//!   is. A provider overwrites what it can get hold of, and says in its documentation what it cannot.
//! - **Registers and stacks** of ciphers while they work.
//! - **Swap and core dumps.** Memory that is paged out is on a disk. The feature `locked-memory` of `datakey-keyring` locks the pages of
//!   cached keys, as far as the system lets it; a service that is serious about it turns swap and core dumps off.
//! - **A process that is killed** overwrites nothing. Its pages are the kernel's, which clears them before anybody else gets them.
//! - **Whoever may read the memory of the process** has what it has. A data key bounds how much that is: the messages under it, and no
//!   others.
//!
//! # Forks
//!
//! A child has a copy of each key that its parent had, and overwrites its own copy only. A process that forks workers does so before it has
//! keys, or has its workers `exec`.
//!
//! # Whoever implements a provider
//!
//! | do | not |
//! |---|---|
//! | move the answer's buffer into a key and overwrite the buffer | leave it to the client to free it |
//! | overwrite the copy that a request of `Encrypt` takes | log requests, at any level |
//! | put errors as sources that cannot hold a body | put a parser's error there that quotes what it could not read |
//! | draw from the operating system, or ask the service | seed a generator of your own |
//!
//! # Whoever implements a format
//!
//! A format takes `&DataKey`, derives what it keeps into one place on the heap and overwrites that when it is dropped. It never uses the
//! data key itself as a cipher's key if one data key is to seal more than one message. It names its own memory to whoever locks pages, by
//! address and without reading. It compares tags, commitments and keys by [`ct_eq`](crate::DataKey::ct_eq) or what is like it.
