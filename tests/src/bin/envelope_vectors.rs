//! Writes the vectors of the message format, checks that the folder holds exactly what would be written, or makes seeds
//! for the fuzz targets of them, and of the vectors of the AWS Encryption SDK's format.
use std::{collections::BTreeSet, fs, path::Path, process::ExitCode};

use datakey_tests::{envelope_cases, envelope_fuzz::TARGETS, envelope_vectors::Vector, esdk_seeds};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write"] => write(),
        ["check"] => check(),
        ["seeds", folder] => seeds(Path::new(folder)),
        _ => {
            eprintln!("usage: envelope_vectors write|check|seeds FOLDER");
            ExitCode::FAILURE
        }
    }
}

fn write() -> ExitCode {
    let folder = Vector::folder();
    // What is no longer made must go.
    let _absent = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the folder of the vectors can be made");
    let vectors = envelope_cases::all();
    for vector in &vectors {
        let path = folder.join(format!("{}.txt", vector.name));
        assert!(!path.exists(), "two vectors are called {}", vector.name);
        fs::write(path, vector.render()).expect("a vector can be written");
    }
    println!("{} vectors written", vectors.len());
    ExitCode::SUCCESS
}

fn check() -> ExitCode {
    let folder = Vector::folder();
    let mut unexpected: BTreeSet<String> = fs::read_dir(&folder)
        .expect("the folder of the vectors can be read")
        .map(|entry| {
            entry
                .expect("it can be read")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    let mut differences = 0;
    let vectors = envelope_cases::all();
    for vector in &vectors {
        let name = format!("{}.txt", vector.name);
        if fs::read_to_string(folder.join(&name)).ok().as_deref() != Some(&vector.render()) {
            println!("{name} is not what the generator makes");
            differences += 1;
        }
        unexpected.remove(&name);
    }
    for name in &unexpected {
        println!("{name} is made by no generator");
    }
    if differences + unexpected.len() > 0 {
        return ExitCode::FAILURE;
    }
    println!("vectors: {} files as the generator makes them", vectors.len());
    ExitCode::SUCCESS
}

/// One folder for each target, with each message behind what the target expects in front of it.
fn seeds(folder: &Path) -> ExitCode {
    for (target, prefix, _) in TARGETS {
        let folder = folder.join(target);
        fs::create_dir_all(&folder).expect("a folder for seeds can be made");
        for vector in envelope_cases::all() {
            let seed = [prefix, &vector.message[..]].concat();
            fs::write(folder.join(vector.name), seed).expect("a seed can be written");
        }
    }
    for (target, seeds) in esdk_seeds::all() {
        let folder = folder.join(target);
        fs::create_dir_all(&folder).expect("a folder for seeds can be made");
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(number.to_string()), seed).expect("a seed can be written");
        }
    }
    ExitCode::SUCCESS
}
