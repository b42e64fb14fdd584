//! Forks while loads are in flight, and says whether child and parent have their keys. The test `loads::forks` says what must come out.
#![forbid(unsafe_code)]
use std::{process::exit, time::Duration};

use datakey_keyring::Usage;
use datakey_provider::{WrappedKey, WrappedKeys};
use datakey_tests::{
    keyring::{Scripted, context},
    keyrings::Keyrings,
};
use fork::{Fork, fork, waitpid};
use tokio::{
    runtime::{Builder, Runtime},
    time::timeout,
};

/// Within this, a process has its key.
const DEADLINE: Duration = Duration::from_secs(5);

fn main() {
    let keyring = Keyrings::new(Scripted::taking(200));
    let runtime = by_hand();
    runtime.block_on(async {
        let brief = Duration::from_millis(5);
        assert!(timeout(brief, seals(&keyring)).await.is_err());
        assert!(timeout(brief, opens(&keyring)).await.is_err());
    });
    // There is one thread, as a process that forks should have.
    match fork().expect("a child") {
        Fork::Child => {
            both("child", &by_hand(), &keyring);
            exit(0);
        }
        Fork::Parent(child) => {
            let status = waitpid(child).expect("the child's status");
            println!("child exited with {status}");
            both("parent", &runtime, &keyring);
        }
    }
}

fn by_hand() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

fn both(who: &str, runtime: &Runtime, keyring: &Keyrings) {
    runtime.block_on(async {
        let sealed = timeout(DEADLINE, seals(keyring)).await;
        println!("{who}: {}", sealed.map_or("waits to seal", |()| "seals"));
        let opened = timeout(DEADLINE, opens(keyring)).await;
        println!("{who}: {}", opened.map_or("waits to open", |()| "opens"));
    });
}

async fn seals(keyring: &Keyrings) {
    let key = keyring.sealing.key(&context("a"), Usage::message(1)).await;
    drop(key.expect("a key to seal with"));
}

async fn opens(keyring: &Keyrings) {
    let blob = [&7_u64.to_be_bytes()[..], context("a").digest()].concat();
    let wrapped: WrappedKeys = WrappedKey::new("script:a", blob).expect("a wrapped key").into();
    let key = keyring.opening.key(&context("a"), &wrapped).await;
    drop(key.expect("a key to open with"));
}
