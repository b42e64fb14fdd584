//! By which certificate the emulator speaks TLS.
use std::{fs, io::Write as _, net::SocketAddr, path::Path};

use datakey::fake_kms::TlsIdentity;
use tempfile::NamedTempFile;

use super::args::TlsArgs;
use crate::failure::Failure;

/// The identity that the arguments choose, if they choose TLS.
///
/// # Errors
/// When files cannot be read, or are no certificate and key.
pub(super) fn chosen(args: &TlsArgs, listen: SocketAddr) -> Result<Option<TlsIdentity>, Failure> {
    if let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) {
        let read = |path: &Path| fs::read(path).map_err(|source| Failure::read(path, source));
        let given = TlsIdentity::from_pem(&read(certificate)?, &read(key)?);
        let told = |error| Failure::Usage(format!("{certificate:?} and {key:?}: {error}"));
        return given.map(Some).map_err(told);
    }
    let Some(path) = args.tls_ca.as_ref().filter(|_| args.tls) else {
        return Ok(None);
    };
    if !args.force && path.exists() {
        return Err(exists(path));
    }
    let usual = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let names = usual.into_iter().chain([listen.ip().to_string()]);
    let mut names: Vec<String> = names.chain(args.tls_name.iter().cloned()).collect();
    names.sort();
    names.dedup();
    let made = TlsIdentity::made_for(names);
    made.map(Some).map_err(|error| Failure::Usage(error.to_string()))
}

/// Writes down the authority that clients are to trust, whole or not at all.
///
/// # Errors
/// When there is a file already, or it cannot be written.
pub(super) fn write_authority(args: &TlsArgs, identity: &TlsIdentity) -> Result<(), Failure> {
    let (Some(path), Some(pem)) = (&args.tls_ca, identity.ca_pem()) else {
        return Ok(());
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let failed = |source| Failure::write(path, source);
    let mut draft = NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).map_err(failed)?;
    draft.write_all(pem.as_bytes()).map_err(failed)?;
    readable(&draft).map_err(failed)?;
    draft.as_file().sync_all().map_err(failed)?;
    let kept = if args.force {
        draft.persist(path)
    } else {
        draft.persist_noclobber(path)
    };
    match kept {
        Ok(_file) => Ok(()),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Err(exists(path)),
        Err(error) => Err(failed(error.error)),
    }
}

/// It is no secret, and clients may run as somebody else.
fn readable(draft: &NamedTempFile) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        draft
            .as_file()
            .set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    #[cfg(not(unix))]
    let _as_its_folder_says = draft;
    Ok(())
}

fn exists(path: &Path) -> Failure {
    Failure::AuthorityExists {
        path: path.to_owned(),
    }
}
