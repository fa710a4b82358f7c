//! Certificates: given, or made at first start; and what a client trusts.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing or cannot be written.
    #[error("{}: {error}; give another with --cert and --key, or leave both out to have them made", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: io::Error,
    },
    /// A file holds something else.
    #[error("{}: {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A certificate cannot be made.
    #[error("a certificate cannot be made: {0}")]
    Make(#[from] rcgen::Error),
}

fn file(path: &Path) -> impl Fn(io::Error) -> TlsError {
    move |error| TlsError::File { path: path.into(), error }
}

fn content(path: &Path) -> impl Fn(&dyn std::fmt::Display) -> TlsError {
    move |reason| TlsError::Content { path: path.into(), reason: reason.to_string() }
}

/// What a server shows, as two PEM files.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate, and those between it and a root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Identity {
    /// The identity kept in `folder`. The first time it is made: self-signed, for these names and addresses; its certificate is what
    /// clients are given to trust (`--ca`). Returns whether it was made now.
    ///
    /// # Errors
    /// The files cannot be read or written.
    pub fn kept_in(folder: &Path, names: &[String]) -> Result<(Self, bool), TlsError> {
        let identity = Self { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
        if identity.certificate.exists() && identity.key.exists() {
            return Ok((identity, false));
        }
        let made = rcgen::generate_simple_self_signed(names)?;
        fs::create_dir_all(folder).map_err(file(folder))?;
        write_secret(&identity.key, made.signing_key.serialize_pem().as_bytes())
            .map_err(file(&identity.key))?;
        fs::write(&identity.certificate, made.cert.pem()).map_err(file(&identity.certificate))?;
        Ok((identity, true))
    }

    /// What a listener needs of it.
    ///
    /// # Errors
    /// The files cannot be read, or do not fit each other.
    pub fn server_config(&self) -> Result<Arc<rustls::ServerConfig>, TlsError> {
        let certificates = certificates(&self.certificate)?;
        let octets = fs::read(&self.key).map_err(file(&self.key))?;
        let key = PrivateKeyDer::from_pem_slice(&octets).map_err(|error| content(&self.key)(&error))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key))
            .map_err(|error| content(&self.certificate)(&error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let octets = fs::read(path).map_err(file(path))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&octets).collect();
    let certificates = certificates.map_err(|error| content(path)(&error))?;
    if certificates.is_empty() {
        return Err(content(path)(&"there is no certificate in it"));
    }
    Ok(certificates)
}

/// What a client takes for its peer's certificate.
#[derive(Clone, Debug, Default)]
pub enum Trust {
    /// Only what the certificates in this PEM file vouch for.
    File(PathBuf),
    /// Anything. For tests on one's own desk.
    Anything,
    /// No TLS peers at all: addresses are `http://`.
    #[default]
    Nothing,
}

impl Trust {
    /// A TLS configuration for clients.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn client_config(&self) -> Result<rustls::ClientConfig, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        if let Self::File(path) = self {
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| content(path)(&error))?;
            }
        }
        let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("the provider has the default versions");
        Ok(match self {
            Self::Anything => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anyone(provider)))
                .with_no_client_auth(),
            _ => builder.with_root_certificates(roots).with_no_client_auth(),
        })
    }
}

/// Takes every certificate, and still checks that the peer has its key.
#[derive(Debug)]
struct Anyone(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Writes a file that only its owner may read, whole or not at all.
///
/// # Errors
/// As [`fs::write`].
pub fn write_secret(path: &Path, octets: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(&temporary)?;
    file.write_all(octets)?;
    file.sync_all()?;
    fs::rename(temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_made_once_and_is_a_secret() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let (identity, made) = Identity::kept_in(folder.path(), &names).expect("made");
        assert!(made);
        identity.server_config().expect("they fit each other");
        let before = fs::read(&identity.certificate).expect("there");
        let (_, made) = Identity::kept_in(folder.path(), &names).expect("kept");
        assert!(!made && fs::read(&identity.certificate).expect("there") == before);
        Trust::File(identity.certificate.clone()).client_config().expect("a root");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&identity.key).expect("there").permissions().mode() & 0o777, 0o600);
        }
        fs::write(&identity.certificate, "nothing").expect("written");
        let error = identity.server_config().expect_err("no certificate").to_string();
        assert!(error.contains("cert.pem") && error.contains("no certificate"), "{error}");
    }
}
