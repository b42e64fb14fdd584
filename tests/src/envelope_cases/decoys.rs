//! Wrapped keys of other messages among those of a message: they open, and not to its data key.
use super::draft::{Cases, Draft, data_key, other_data_key};

/// What a wrapped key opens to.
#[derive(Clone, Copy)]
enum To {
    /// The message's data key.
    Own,
    /// Another message's.
    Other,
    /// Nothing: it is refused by whoever is asked.
    Nothing,
}

use To::{Nothing, Other, Own};

pub(super) fn add(cases: &mut Cases) {
    let decoys: Vec<To> = vec![Other; 16];
    let last_of_16 = [&decoys[1..], &[Own]].concat();
    let sets: [(&str, &str, &[To]); 9] = [
        (
            "first",
            "a wrapped key of another message in front of the message's own",
            &[Other, Own],
        ),
        (
            "last",
            "a wrapped key of another message behind the message's own",
            &[Own, Other],
        ),
        (
            "around",
            "wrapped keys of two other messages around the message's own",
            &[Other, Own, Other],
        ),
        (
            "after-nothing",
            "one that does not open, one of another message, the message's own",
            &[Nothing, Other, Own],
        ),
        (
            "most",
            "wrapped keys of 15 other messages in front of the message's own",
            &last_of_16,
        ),
        (
            "two",
            "wrapped keys of two other messages, and none of the message's own",
            &[Other, Other],
        ),
        (
            "and-nothing",
            "one of another message, and one that does not open",
            &[Other, Nothing],
        ),
        (
            "behind-nothing",
            "one that does not open, and one of another message",
            &[Nothing, Other],
        ),
        ("16", "wrapped keys of 16 other messages", &decoys),
    ];
    for (name, about, set) in sets {
        // Whoever looks at one key only is wrong for either suite and kind.
        for (suite, kind) in [(1, 1), (2, 2)] {
            case(cases, (suite, kind), &format!("{name}-suite-{suite}"), about, set);
        }
    }
}

fn case(cases: &mut Cases, (suite, kind): (u8, u8), name: &str, about: &str, set: &[To]) {
    let mut draft = Draft::new(&format!("decoy {name}"), suite, kind);
    draft.keys = (0..set.len())
        .map(|place| (b"local:a".to_vec(), format!("blob {place}").into_bytes()))
        .collect();
    let name = format!("decoy-{name}");
    let records: &[&[u8]] = &[b"one order"];
    let vector = if set.iter().any(|to| matches!(to, Own)) {
        cases.opened(&name, about, &draft, records)
    } else {
        let message = if kind == 2 {
            draft.records(records)
        } else {
            draft.stream(records[0])
        };
        cases.refused("K6", &name, about, message)
    };
    let opens_to = |(place, to): (usize, &To)| match to {
        Own => Some(data_key()),
        Other => Some(other_data_key(place as u8)),
        Nothing => None,
    };
    vector.data_keys = set.iter().enumerate().map(opens_to).collect();
}
