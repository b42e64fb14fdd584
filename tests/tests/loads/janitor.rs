//! What is too old is dropped, whoever drives the janitor.
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use datakey_loads::{Janitor, Sweep};
use tokio::{
    runtime::Handle,
    time::{Instant, advance, sleep},
};

use crate::scripted::by_hand;

const LIFE: Duration = Duration::from_secs(60);

/// Keeps the births of things.
#[derive(Debug, Default)]
struct Shelf {
    janitor: Janitor,
    born: Mutex<Vec<Instant>>,
    sweeps: AtomicU64,
}

impl Shelf {
    fn put(self: &Arc<Self>) {
        self.born.lock().unwrap().push(Instant::now());
        Janitor::tend(self);
    }

    fn left(&self) -> usize {
        self.born.lock().unwrap().len()
    }
}

impl Sweep for Shelf {
    fn janitor(&self) -> &Janitor {
        &self.janitor
    }

    fn sweep(&self, now: Instant) {
        self.sweeps.fetch_add(1, SeqCst);
        self.born.lock().unwrap().retain(|born| now < *born + LIFE);
    }

    fn next_sweep(&self, _: Instant) -> Option<Instant> {
        self.born.lock().unwrap().iter().min().map(|born| *born + LIFE)
    }

    fn shortest_life(&self) -> Duration {
        LIFE
    }
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

#[tokio::test(start_paused = true)]
async fn one_task_sweeps_while_there_is_something_to_keep() {
    let (shelf, before) = (Arc::new(Shelf::default()), tasks());
    for _ in 0..3 {
        shelf.put();
        shelf.put();
        assert_eq!(tasks(), before + 1);
        sleep(LIFE + Duration::from_secs(2)).await;
        assert_eq!((shelf.left(), tasks()), (0, before));
    }
    shelf.put();
    drop(shelf);
    tokio::task::yield_now().await;
    assert_eq!(tasks(), before);
}

#[tokio::test(start_paused = true)]
async fn things_that_expire_one_after_the_other_share_a_sweep() {
    let shelf = Arc::new(Shelf::default());
    for _ in 0..1_000 {
        shelf.put();
        advance(Duration::from_millis(5)).await;
    }
    sleep(LIFE + Duration::from_secs(2)).await;
    assert_eq!(shelf.left(), 0);
    assert!(
        shelf.sweeps.load(SeqCst) <= 8,
        "{} sweeps",
        shelf.sweeps.load(SeqCst)
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_passes_by_sweeps_for_a_task_that_nobody_drives_and_takes_over_from_it() {
    let shelf = Arc::new(Shelf::default());
    let kept = by_hand();
    {
        let _entered = kept.enter();
        shelf.put();
    }
    let before = tasks();
    sleep(LIFE / 2).await;
    Janitor::pass_by(&shelf, Instant::now());
    assert_eq!((shelf.sweeps.load(SeqCst), tasks()), (0, before), "it is not due");
    shelf.put();
    sleep(LIFE / 2 + Duration::from_secs(2)).await;
    assert_eq!(shelf.left(), 2, "nobody has swept");
    Janitor::pass_by(&shelf, Instant::now());
    assert_eq!(
        (shelf.left(), tasks()),
        (1, before + 1),
        "there is a task here now"
    );
    sleep(LIFE / 2).await;
    assert_eq!((shelf.left(), tasks()), (0, before), "in its time");
    kept.shutdown_background();
}

#[test]
fn what_was_kept_without_a_runtime_is_swept_by_whoever_passes_by() {
    let shelf = Arc::new(Shelf::default());
    shelf.put();
    let now = Instant::now();
    Janitor::pass_by(&shelf, now + LIFE / 2);
    assert_eq!((shelf.left(), shelf.sweeps.load(SeqCst)), (1, 0), "it is not due");
    let late = now + LIFE + Duration::from_secs(2);
    Janitor::pass_by(&shelf, late);
    assert_eq!((shelf.left(), shelf.sweeps.load(SeqCst)), (0, 1));
    shelf.janitor.dismiss();
    assert!(!shelf.janitor.is_overdue(late + LIFE * 1_000));
}
