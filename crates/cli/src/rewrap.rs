//! `datakey rewrap`: data keys under other wrapping keys, in messages that stay as they are.
mod wrapping;

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use datakey::{
    EncryptionContext, MessageHeader, OpenError, SealedHeader, Unsupported,
    envelope::Header,
    provider::{WrappedKey, WrappedKeys},
};
use serde_json::{Map, Value, json};

use self::wrapping::Wrapping;
use crate::{
    args::{RewrapArgs, ThreadArgs},
    binding,
    each::Each,
    failure::Failure,
    input::{self, Front, Input},
    keys::Chosen,
    output::{How, Output, Secrecy},
    plan::{Item, Plan},
    print,
    progress::Progress,
    seal::others,
    session::Session,
    text,
};

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rewrapped {
    Now,
    Before,
}

/// What is refused before anything is looked at.
fn can_be_done(args: &RewrapArgs) -> Result<(), Failure> {
    if args.inputs.iter().any(|input| input == Path::new("-")) {
        return Err(Failure::Usage(
            "rewrap replaces files, and standard input is none".to_owned(),
        ));
    }
    // A pipe would be waited for, and could not be replaced.
    let is_other =
        |input: &&PathBuf| std::fs::metadata(input).is_ok_and(|found| !found.is_file() && !found.is_dir());
    if let Some(other) = args.inputs.iter().find(is_other) {
        return Err(Failure::Usage(format!(
            "rewrap replaces files, and {other:?} is none"
        )));
    }
    let binding = &args.expected.binding;
    if binding.aad.is_some() || binding.aad_file.is_some() {
        return Err(Failure::Usage(
            "rewrap opens no message, and checks no associated data: leave out --aad and --aad-file"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Replaces each message by one with other wrapped keys, whole or not at all.
pub(crate) fn run(args: &RewrapArgs, session: &Session) -> Result<(), Failure> {
    can_be_done(args)?;
    let is_own = |path: &Path| {
        path.extension()
            .is_some_and(|extension| extension == input::SUFFIX)
    };
    let plan = Plan::without_outputs(&args.inputs, &is_own)?;
    let chosen = Chosen::of(&args.key, &session.settings)?;
    let keys = chosen.keys.iter().chain(&args.to);
    let kept = session.kept(keys, &args.expected.binding);
    plan.items.iter().try_for_each(|item| kept.check(&item.input))?;
    let expected = if args.expected.danger_any_context {
        None
    } else {
        Some(binding::expected_context(
            &args.expected.binding,
            &session.settings,
        )?)
    };
    let from = session.runtime.block_on(chosen.wrappers())?;
    let to = session.runtime.block_on(chosen.with_keys(&args.to).wrappers())?;
    let wrapping = Wrapping::new(from, to, chosen.policy(), session.runtime.clone());
    let each = Each {
        progress: Progress::new(plan.bytes(), plan.items.len() as u64, session.json),
        plan: &plan,
        threads: session.threads(&ThreadArgs::default()),
        files_at_once: session.files_at_once(&ThreadArgs::default()),
        is_sealing: false,
        json: session.json,
    };
    let job = Job {
        wrapping: &wrapping,
        expected: expected.as_ref(),
        keep: args.keep,
        dry_run: args.dry_run,
    };
    let outcome = each.run(|item, _threads| job.file(item, &each.progress));
    let count = |which| outcome.done.iter().filter(|(_, done)| *done == which).count() as u64;
    let told = Told {
        now: count(Rewrapped::Now),
        before: count(Rewrapped::Before),
        failed: outcome.failed,
        dry_run: args.dry_run,
        key_ids: wrapping.targets(),
    };
    told.tell(&plan, &outcome.done, session.json)?;
    outcome.into_result()
}

struct Told {
    now: u64,
    before: u64,
    failed: u64,
    dry_run: bool,
    key_ids: Vec<String>,
}

impl Told {
    fn tell(&self, plan: &Plan, done: &[(usize, Rewrapped)], json: bool) -> Result<(), Failure> {
        let files = done.iter().filter_map(|(index, done)| {
            let mut values = Map::new();
            text::path_in(&mut values, "path", &plan.items.get(*index)?.input);
            values.insert("already".to_owned(), (*done == Rewrapped::Before).into());
            Some(Value::from(values))
        });
        let value = json!({
            "files": if json { files.collect() } else { Vec::new() },
            "rewrapped": self.now, "already": self.before, "failed": self.failed, "passed_over": plan.passed_over,
            "key_ids": self.key_ids, "dry_run": self.dry_run,
        });
        let verb = if self.dry_run { "would wrap" } else { "wrapped" };
        let keys: Vec<_> = self.key_ids.iter().map(|key| text::tame(key)).collect();
        let mut told = format!("{verb} {}", text::counted(self.now, "message"));
        // Of no message, it is not known how the keys are called in one.
        if !keys.is_empty() {
            told.push_str(&format!(" under {}", keys.join(", ")));
        }
        told.push_str(&others(self.before, plan.passed_over).replace("there", "under it"));
        print::done(json, &value, &told)
    }
}

struct Job<'j> {
    wrapping: &'j Wrapping,
    /// `None` is any.
    expected: Option<&'j EncryptionContext>,
    keep: bool,
    dry_run: bool,
}

impl Job<'_> {
    fn file(&self, item: &Item, progress: &Progress) -> Result<Rewrapped, Failure> {
        let path = &item.input;
        let mut source = Input::open(path, Front::Message, progress)?;
        let sealed = SealedHeader::read(&mut source).map_err(|error| Failure::from_read(path, error))?;
        let header = match sealed.header() {
            MessageHeader::Datakey(header) => header,
            _ => return Err(Failure::Open(OpenError::from(Unsupported::OtherKeys))),
        };
        let malformed = |error| Failure::Open(OpenError::Format(error));
        let context = header.context().map_err(malformed)?;
        if let Some(expected) = self.expected {
            context
                .check_expected(expected)
                .map_err(|mismatch| Failure::Open(mismatch.into()))?;
        }
        let keys = header.wrapped_keys().map_err(malformed)?;
        self.wrapping.learn_targets(&context)?;
        let Some(keys) = self.other_keys(path, &context, &keys)? else {
            return Ok(Rewrapped::Before);
        };
        if !self.dry_run {
            self.replace(path, &header, &context, &keys, source)?;
        }
        Ok(Rewrapped::Now)
    }

    /// The wrapped keys that the message is to have; nothing if it has them.
    fn other_keys(
        &self,
        path: &Path,
        context: &EncryptionContext,
        keys: &WrappedKeys,
    ) -> Result<Option<WrappedKeys>, Failure> {
        let is_target = |key: &&WrappedKey| self.wrapping.is_target(key);
        let is_old = |key: &&WrappedKey| !self.wrapping.is_target(key) && self.wrapping.is_from(key);
        let old: Vec<&WrappedKey> = keys.iter().filter(is_old).collect();
        let has_target = keys.iter().any(|key| is_target(&key));
        if has_target && (old.is_empty() || self.keep) {
            return Ok(None);
        }
        if old.is_empty() {
            let ids: Vec<&str> = keys.iter().map(WrappedKey::key_id).collect();
            return Err(Failure::Under {
                path: path.to_owned(),
                under: ids.join(", "),
            });
        }
        if self.dry_run {
            return Ok(Some(keys.clone()));
        }
        // Which of them holds the message's data key shows only when it opens: all are wrapped anew, and what is under other keys
        // stays.
        let mut others = Vec::new();
        for key in &old {
            others.extend(self.wrapping.wrap(context, key)?);
        }
        let stays = |key: &&WrappedKey| self.keep || !is_old(key);
        others.extend(keys.iter().filter(stays).cloned());
        let others = WrappedKeys::new(others).map_err(|error| Failure::other("the wrapped keys", error))?;
        Ok(Some(others))
    }

    /// Puts a message in the place of the one that it was made of.
    fn replace(
        &self,
        path: &Path,
        header: &Header<'_>,
        context: &EncryptionContext,
        keys: &WrappedKeys,
        mut source: Input,
    ) -> Result<(), Failure> {
        let how = How {
            replace: true,
            secrecy: Secrecy::Sealed,
            armor: input::is_armored(path),
        };
        let mut front = Vec::new();
        header.rewrapped(context, keys, &mut front)?;
        let mut output = Output::start(path, how)?;
        let failed = |error| Failure::write(path, error);
        output.write_all(&front).map_err(failed)?;
        match (source.file(), output.draft()) {
            // Within the system, where it can.
            (Some((mut from, len)), Some(mut to)) => {
                let copied = io::copy(&mut from, &mut to).map_err(failed)?;
                source
                    .progress()
                    .add(usize::try_from(copied).unwrap_or(usize::MAX));
                if copied.saturating_add(header.len() as u64) != len {
                    return Err(Failure::Changed {
                        path: path.to_owned(),
                    });
                }
            }
            _ => {
                io::copy(&mut source, &mut output).map_err(|error| Failure::from_read(path, error))?;
            }
        }
        output.commit(path)
    }
}
