//! TLS as websocket and REST speak it: rustls with the provider ring, named here and not installed for the process.
//!
//! It opens no connection.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

/// Whose certificates are trusted.
#[derive(Clone, Debug)]
pub enum Roots {
    /// The host's, read anew for each dial: a daemon outlives the host's bundle.
    Native,
    /// These alone.
    Only(Arc<RootCertStore>),
}

/// What a client needs to speak TLS with a server of such roots; or why there is none.
pub(crate) async fn tls(roots: &Roots) -> Result<ClientConfig, String> {
    let roots = match roots {
        Roots::Only(roots) => Arc::clone(roots),
        Roots::Native => {
            // Files are read: not where sockets wait.
            let read = tokio::task::spawn_blocking(native).await;
            Arc::new(read.map_err(|error| format!("the host's certificates were not read: {error}"))??)
        }
    };
    client(roots)
}

/// A client that trusts nobody, for a server without TLS.
pub(crate) fn no_tls() -> Result<ClientConfig, String> {
    client(Arc::new(RootCertStore::empty()))
}

fn client(roots: Arc<RootCertStore>) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = versions.map_err(|error| format!("no version of TLS is there: {error}"))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn native() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map_or_else(|| "none is there".to_owned(), ToString::to_string);
        return Err(format!("the host has no certificates to trust: {why}; install the package ca-certificates"));
    }
    Ok(roots)
}

#[cfg(test)]
pub(crate) mod tests;
