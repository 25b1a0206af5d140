//! Why a call brought no reply, in words that say what to do.

use std::error::Error;
use std::io;
use std::time::Duration;

use super::address::Blocked;
use super::resolve::Unresolved;

/// A call without a reply.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Fault {
    #[error("{0}")]
    Blocked(Blocked),
    #[error("{0}")]
    Url(String),
    #[error(
        "The name {host} has no address. Check its spelling, and the name server of this machine."
    )]
    Unresolved { host: String },
    #[error("The secure connection failed: {reason}")]
    Tls { reason: String },
    #[error("No connection could be made: {reason}")]
    Connect { reason: String },
    #[error("Waited {} for {what}.", seconds(*after))]
    Timeout { what: &'static str, after: Duration },
    #[error("The reply is larger than {} MiB.", bytes_max / 1024 / 1024)]
    TooLarge { bytes_max: usize },
    #[error("The connection broke before the reply was complete.")]
    Broken,
}

impl Fault {
    /// Whether the same call may succeed a little later.
    pub fn may_pass(&self) -> bool {
        match self {
            Fault::Blocked(_) | Fault::Url(_) | Fault::Tls { .. } | Fault::TooLarge { .. } => false,
            Fault::Unresolved { .. }
            | Fault::Connect { .. }
            | Fault::Timeout { .. }
            | Fault::Broken => true,
        }
    }

    pub(super) fn of(error: &reqwest::Error) -> Fault {
        let mut tls = None;
        let mut io_kind = None;
        let mut next: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(link) = next {
            if let Some(blocked) = find::<Blocked>(link) {
                return Fault::Blocked(blocked.clone());
            }
            if let Some(unresolved) = find::<Unresolved>(link) {
                return Fault::Unresolved { host: unresolved.host.clone() };
            }
            if let Some(error) = find::<rustls::Error>(link) {
                tls = Some(error.clone());
            }
            if let Some(error) = link.downcast_ref::<io::Error>() {
                io_kind = Some(error.kind());
            }
            next = link.source();
        }
        if let Some(error) = tls {
            return Fault::Tls { reason: tls_reason(&error) };
        }
        if error.is_connect() {
            if error.is_timeout() {
                return Fault::Connect { reason: "nobody answered in time".to_owned() };
            }
            let reason = match io_kind {
                Some(io::ErrorKind::ConnectionRefused) => "the port is closed (refused)",
                Some(io::ErrorKind::ConnectionReset) => "it was reset",
                Some(io::ErrorKind::TimedOut) => "nobody answered in time",
                Some(io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable) => {
                    "the network cannot be reached from this machine"
                }
                _ => "the other side hung up",
            };
            return Fault::Connect { reason: reason.to_owned() };
        }
        if error.is_builder() {
            return Fault::Url("The address is not one that can be called.".to_owned());
        }
        Fault::Broken
    }
}

/// `io::Error` leaves its own content out of its chain of sources, so it is opened here.
fn find<'a, E: Error + 'static>(link: &'a (dyn Error + 'static)) -> Option<&'a E> {
    if let Some(found) = link.downcast_ref::<E>() {
        return Some(found);
    }
    let inner = link.downcast_ref::<io::Error>()?.get_ref()?;
    if let Some(found) = inner.downcast_ref::<E>() {
        return Some(found);
    }
    inner.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref::<E>()
}

fn tls_reason(error: &rustls::Error) -> String {
    use rustls::CertificateError as Bad;
    let rustls::Error::InvalidCertificate(bad) = error else {
        return format!(
            "{error}. A proxy that looks into TLS, or a server that is not OneLogin, does this."
        );
    };
    let is_expired = matches!(bad, Bad::Expired | Bad::ExpiredContext { .. });
    let is_early = matches!(bad, Bad::NotValidYet | Bad::NotValidYetContext { .. });
    let is_foreign = matches!(bad, Bad::NotValidForName | Bad::NotValidForNameContext { .. });
    if is_expired {
        "the certificate has expired. Check the clock of this machine too.".to_owned()
    } else if is_early {
        "the certificate is not valid yet. Check the clock of this machine.".to_owned()
    } else if is_foreign {
        "the certificate belongs to another name. Check the base URL.".to_owned()
    } else if *bad == Bad::Revoked {
        "the certificate was revoked.".to_owned()
    } else if *bad == Bad::UnknownIssuer {
        "the certificate is signed by an authority that this machine does not trust. \
         If a company proxy looks into TLS, add its authority to the system's certificates \
         (on Debian: /usr/local/share/ca-certificates and update-ca-certificates)."
            .to_owned()
    } else {
        format!("the certificate was refused ({bad}).")
    }
}

fn seconds(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        return format!("{} ms", duration.as_millis());
    }
    format!("{} s", duration.as_secs())
}
