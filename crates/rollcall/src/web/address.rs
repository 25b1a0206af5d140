//! Where a request comes from, and how: directly, or through a proxy that is believed.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::extract::ConnectInfo;
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::web::site::Site;

/// `10.0.0.0/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

/// How a request reached us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The address of the client.
    pub address: String,
    /// Whether the browser speaks https.
    pub is_https: bool,
    /// `rollcall.example.com:8080`, as the browser calls us.
    pub host: String,
}

impl Network {
    pub fn holds(self, address: IpAddr) -> bool {
        let cut = |bytes: &[u8]| -> u128 {
            bytes.iter().fold(0, |sum, byte| sum << 8 | u128::from(*byte))
        };
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                same_prefix(cut(&ours.octets()), cut(&theirs.octets()), 32 - self.bits)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                same_prefix(cut(&ours.octets()), cut(&theirs.octets()), 128 - self.bits)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

fn same_prefix(ours: u128, theirs: u128, bits_free: u32) -> bool {
    // All bits free would shift by the whole width.
    bits_free == 128 || ours >> bits_free == theirs >> bits_free
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Network, String> {
        let wrong = || {
            format!("\"{text}\" is no network. Give an address, or one with its bits: 10.0.0.0/8.")
        };
        let (address, bits) = match text.trim().split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().map_err(|_| wrong())?,
            None => most,
        };
        if most < bits {
            return Err(wrong());
        }
        Ok(Network { address, bits })
    }
}

impl Arrival {
    pub fn of(request: &Parts, site: &Site) -> Arrival {
        let peer = request.extensions.get::<ConnectInfo<SocketAddr>>().map(|it| it.0.ip());
        Arrival::read(peer, &request.headers, site)
    }

    fn read(peer: Option<IpAddr>, headers: &HeaderMap, site: &Site) -> Arrival {
        let is_trusted = |address: IpAddr| site.trusted_proxies.iter().any(|it| it.holds(address));
        let by_proxy = peer.is_some_and(is_trusted);
        let text = |name: &str| headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or("");
        let mut client = peer.map(|it| it.to_canonical());
        if by_proxy {
            // Each proxy adds to the right. What stands left of the last one that we do not trust
            // may be anything.
            let told = headers.get_all("x-forwarded-for").iter();
            let told: Vec<&str> =
                told.filter_map(|it| it.to_str().ok()).flat_map(|it| it.split(',')).collect();
            for hop in told.into_iter().rev() {
                let Ok(hop) = hop.trim().parse::<IpAddr>() else { break };
                client = Some(hop.to_canonical());
                if !is_trusted(hop) {
                    break;
                }
            }
        }
        let public_https = site.public_url.as_ref().is_some_and(|it| it.starts_with("https://"));
        let told_https = by_proxy && text("x-forwarded-proto").eq_ignore_ascii_case("https");
        let told_host = if by_proxy { text("x-forwarded-host") } else { "" };
        let host = if told_host.is_empty() { text("host") } else { told_host };
        Arrival {
            address: client.map_or_else(|| "unknown".to_owned(), |it| it.to_string()),
            is_https: public_https || told_https,
            host: host.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        let trusted_proxies = vec!["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()];
        Site { trusted_proxies, ..Site::direct() }
    }

    #[track_caller]
    fn check(peer: &str, headers: &[(&'static str, &str)], expected: &str) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let arrival = Arrival::read(Some(peer.parse().unwrap()), &map, &site());
        let Arrival { address, is_https, host } = arrival;
        let scheme = if is_https { "https" } else { "http" };
        assert_eq!(format!("{address} {scheme}://{host}"), expected);
    }

    #[test]
    fn a_stranger_is_not_believed_where_it_says_it_comes_from() {
        let told = [
            ("host", "here"),
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "elsewhere"),
        ];
        check("9.9.9.9", &told, "9.9.9.9 http://here");
        check("10.1.1.1", &told, "1.1.1.1 https://elsewhere");
        check("::1", &told, "1.1.1.1 https://elsewhere");
    }

    #[test]
    fn of_several_addresses_the_last_that_no_proxy_of_ours_has_is_the_client() {
        let told = [("x-forwarded-for", "6.6.6.6, 8.8.8.8, 10.2.2.2"), ("host", "h")];
        check("10.1.1.1", &told, "8.8.8.8 http://h");
        let twice = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "8.8.8.8"), ("host", "h")];
        check("10.1.1.1", &twice, "8.8.8.8 http://h");
        check("10.1.1.1", &[("x-forwarded-for", "nonsense"), ("host", "h")], "10.1.1.1 http://h");
        check("10.1.1.1", &[("host", "h")], "10.1.1.1 http://h");
    }

    #[test]
    fn a_network_is_an_address_with_bits() {
        let holds = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().holds(address.parse().unwrap())
        };
        assert!(holds("10.0.0.0/8", "10.255.0.1"));
        assert!(!holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("0.0.0.0/0", "1.2.3.4"));
        assert!(holds("::/0", "fe80::1"));
        assert!(holds("10.0.0.1", "::ffff:10.0.0.1"));
        assert!(!holds("::/0", "1.2.3.4"));
        for wrong in ["", "10", "10.0.0.0/33", "10.0.0.0/x", "::/129"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
