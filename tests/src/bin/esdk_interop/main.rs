//! The exchange with the AWS Encryption SDKs: opens what they wrote, writes what they are to open, and counts and times both sides
//! over one KMS. `cargo xtask interop esdk` and `cargo xtask bench esdk` run it.
mod exchange;
mod over_kms;
mod rsa;
mod timed;

use std::{path::Path, process::ExitCode};

use over_kms::Tools;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["open", file] => {
            exchange::open(Path::new(file)).await;
            Ok(())
        }
        ["open-rsa", file] => {
            rsa::open(Path::new(file)).await;
            Ok(())
        }
        ["write", folder, ref length @ ..] => {
            let folder = Path::new(folder);
            exchange::write(folder, length.contains(&"large")).await;
            exchange::batch(folder).await;
            rsa::write(folder).await;
            Ok(())
        }
        ["calls", python, script, folder, orders] => {
            over_kms::calls(
                &Tools {
                    python,
                    script,
                    folder,
                },
                orders,
            )
            .await
        }
        ["crowd", script] => over_kms::crowd(script).await,
        ["time", python, script, folder] => {
            timed::run(&Tools {
                python,
                script,
                folder,
            })
            .await
        }
        _ => Err(
            "usage: esdk_interop open FILE | open-rsa FILE | write FOLDER [large] \
                  | calls PYTHON SCRIPT FOLDER ORDERS | crowd SCRIPT | time PYTHON SCRIPT FOLDER"
                .into(),
        ),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
