//! Name resolution that refuses addresses we must not call.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::{self, Blocked};

/// Asks the operating system, and refuses the whole answer when any of it is not allowed.
///
/// It runs when a connection is made, so a name that turns to a private address between two
/// calls is refused too.
#[derive(Debug)]
pub(super) struct GuardedResolver {
    pub(super) allow_loopback: bool,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_loopback = self.allow_loopback;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0))
                .await
                .map_err(|error| Unresolved { host: host.clone(), cause: error.to_string() })?
                .collect();
            for address in &found {
                if let Some(why) = address::refusal(address.ip(), allow_loopback) {
                    return Err(Box::new(Blocked { host, address: address.ip(), why }) as _);
                }
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[derive(Clone, Debug, thiserror::Error)]
#[error("{host} has no address: {cause}")]
pub(super) struct Unresolved {
    pub(super) host: String,
    pub(super) cause: String,
}
