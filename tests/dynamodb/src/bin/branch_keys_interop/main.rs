//! Branch keys for an implementation in another language to meet: the emulator of KMS, and a process that does as it is told.
//! `cargo xtask interop branch-keys` runs both.
mod told;

use std::{
    env,
    io::{self, BufRead as _, Write as _},
    process::ExitCode,
};

use datakey_dynamodb_tests::REGION;
use datakey_fake_kms::{FakeKms, FakeKmsServer, Principal};

use told::Told;

type Anything<T = ()> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => serve().await,
        ["obey", kms, dynamodb, table, logical_name, key] => {
            obey(&Told::new(kms, dynamodb, (table, logical_name), key)).await
        }
        _ => Err("usage: branch_keys_interop serve | obey KMS DYNAMODB TABLE LOGICAL-NAME KEY".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until standard input ends; the only line of the output says where.
async fn serve() -> Anything {
    let fake = FakeKms::builder().region(REGION).wall_clock().build()?;
    fake.add_principal(Principal::new(
        "AKIDEXAMPLE",
        "not-a-secret",
        "arn:aws:iam::111122223333:user/interop",
    )?);
    let server = FakeKmsServer::builder(fake)
        .verify_signatures()
        .ledger_path("/ledger");
    let server = server.start().await?;
    println!("{}", server.url());
    tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await??;
    Ok(())
}

/// Answers each line of the input with one of the output, both JSON.
async fn obey(told: &Told) -> Anything {
    for line in io::stdin().lock().lines() {
        let answer = told.answer(&serde_json::from_str(&line?)?).await;
        writeln!(io::stdout(), "{answer}")?;
    }
    Ok(())
}
