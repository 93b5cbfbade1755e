//! Whom the HTTP client trusts: the bundled authorities of Mozilla (an empty container has none of its own), the machine's or, in
//! their place, those of `SSL_CERT_FILE` and `SSL_CERT_DIR`, and those of `--ca-file`.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Result;
use bootstrap_run::failure::{Failure, FailureId};
use bootstrap_run::given;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

const FILE: &str = "SSL_CERT_FILE";
const DIRECTORIES: &str = "SSL_CERT_DIR";

/// The certificate authorities that a server may have its certificate from.
#[derive(Debug, Clone)]
pub struct TrustedRoots {
    store: rustls::RootCertStore,
}

/// The certificate authorities that a person gives with `--ca-file`: read once, for the file may change during a run.
#[derive(Debug)]
pub struct Authorities {
    text: String,
    certificates: Vec<Vec<u8>>,
}

impl Authorities {
    /// Reads the file.
    ///
    /// # Errors
    /// [`FailureId::CertificateUntrusted`] with what is wrong with the file, and under which name it was given.
    pub fn read(path: &Path) -> Result<Self> {
        let by = given::CA_FILE.name(path);
        let invalid =
            |why: &str| unusable(path, by, why).hint(format!("{by} takes a file of one or more PEM certificates"));
        let bytes = given::read(path).map_err(|unread| unread.told(invalid))?;
        let certificates = certificates(&bytes).map_err(|why| invalid(&why))?;
        let mut store = rustls::RootCertStore::empty();
        for certificate in &certificates {
            store.add(certificate.clone().into()).map_err(|error| invalid(&error.to_string()))?;
        }
        Ok(Self { text: String::from_utf8_lossy(&bytes).into_owned(), certificates })
    }

    /// The file as it is.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl TrustedRoots {
    /// The bundled ones, the machine's or those of the variables, and these, which a person gave.
    ///
    /// # Errors
    /// [`FailureId::CertificateUntrusted`] if a variable names what cannot be used.
    pub fn load(authorities: Option<&Authorities>) -> Result<Self> {
        let mut store = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        // A broken certificate in the system's store is the system's affair; the others still count.
        store.add_parsable_certificates(of_machine([FILE, DIRECTORIES].map(std::env::var_os))?);
        for certificate in authorities.iter().flat_map(|given| &given.certificates) {
            // It could be added once before.
            store.add(certificate.clone().into())?;
        }
        Ok(Self { store })
    }

    pub(super) fn into_store(self) -> rustls::RootCertStore {
        self.store
    }
}

fn unusable(path: &Path, by: &str, why: &str) -> Failure {
    let what = format!("cannot use the certificates of {}, which {by} names", path.display());
    Failure::new(FailureId::CertificateUntrusted, what).evidence(why)
}

/// The certificates of a PEM text, as bytes.
///
/// # Errors
/// Words, if one of them is none, or there is none.
pub fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let read = |certificate: Result<CertificateDer<'_>, _>| certificate.map(|found| found.to_vec());
    let found: Result<Vec<_>, rustls::pki_types::pem::Error> = CertificateDer::pem_slice_iter(pem).map(read).collect();
    match found {
        Ok(found) if found.is_empty() => Err("it holds no PEM certificate".to_owned()),
        found => found.map_err(|error| error.to_string()),
    }
}

/// Those of the machine, or of the variables in their place. (The library would read these, too: it takes an empty one for a
/// path, waits for ever for a pipe, and passes over what it cannot read.)
fn of_machine([file, directories]: [Option<OsString>; 2]) -> Result<Vec<CertificateDer<'static>>> {
    if file.is_none() && directories.is_none() {
        return Ok(rustls_native_certs::load_native_certs().certs);
    }
    let file = file.map(PathBuf::from).filter(|path| is_said(path));
    let directories: Vec<PathBuf> =
        std::env::split_paths(&directories.unwrap_or_default()).filter(|path| is_said(path)).collect();
    if file.is_some() || !directories.is_empty() {
        return of_variables(file.as_deref(), &directories);
    }
    // An empty variable is not set. The library would not know that.
    let found = openssl_probe::probe();
    let of_file = |path: &Path| rustls_native_certs::load_certs_from_paths(Some(path), None).certs;
    let of_directory = |path: &PathBuf| rustls_native_certs::load_certs_from_paths(None, Some(path)).certs;
    Ok(found
        .cert_file
        .iter()
        .flat_map(|path| of_file(path))
        .chain(found.cert_dir.iter().flat_map(of_directory))
        .collect())
}

fn is_said(path: &Path) -> bool {
    !path.as_os_str().as_encoded_bytes().trim_ascii().is_empty()
}

fn of_variables(file: Option<&Path>, directories: &[PathBuf]) -> Result<Vec<CertificateDer<'static>>> {
    let refuse = |path: &Path, by: &str, why: &str| {
        let hint = format!("correct {by}, or unset it: the machine's own certificates count then");
        unusable(path, by, why).hint(hint)
    };
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    if let Some(path) = file {
        let bytes = given::read(path).map_err(|unread| unread.told(|why| refuse(path, FILE, why)))?;
        seen.extend(fs_err::canonicalize(path));
        // Of an empty file a person may have meant just that: none of the machine's.
        if !bytes.is_empty() {
            let certificates = certificates(&bytes).map_err(|why| refuse(path, FILE, &why))?;
            found.extend(certificates.into_iter().map(CertificateDer::from));
        }
    }
    for directory in directories {
        match fs_err::metadata(directory) {
            Ok(there) if !there.is_dir() => return Err(refuse(directory, DIRECTORIES, "it is not a directory").into()),
            // Of several some need not be there.
            Err(_) if directories.len() > 1 => {}
            Err(error) => return Err(refuse(directory, DIRECTORIES, &error.to_string()).into()),
            Ok(_) => found.extend(of_directory(directory, &mut seen)),
        }
    }
    Ok(found)
}

/// What is in a directory beside certificates is passed over, and each file is read once: most have several names there.
fn of_directory(directory: &Path, seen: &mut BTreeSet<PathBuf>) -> Vec<CertificateDer<'static>> {
    let entries = fs_err::read_dir(directory).into_iter().flatten().flatten();
    let files =
        entries.filter_map(|entry| fs_err::canonicalize(entry.path()).ok()).filter(|path| seen.insert(path.clone()));
    let texts = files.filter_map(|path| given::read(&path).ok());
    texts.flat_map(|text| certificates(&text).unwrap_or_default()).map(CertificateDer::from).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn empty_variables_leave_the_certificates_of_the_machine() {
        let sorted = |variables: [Option<&str>; 2]| {
            let mut found = of_machine(variables.map(|value| value.map(OsString::from))).unwrap();
            found.sort_by(|one, other| one.as_ref().cmp(other.as_ref()));
            found.dedup();
            found
        };
        let plain = sorted([None, None]);
        for variables in [[Some(""), None], [None, Some("")], [Some("  "), Some(":")], [Some(""), Some("")]] {
            assert!(sorted(variables) == plain, "{variables:?}");
        }
        assert!(sorted([Some("/dev/null"), None]).is_empty());
    }
}
