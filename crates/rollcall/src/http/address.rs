//! Which addresses may be called: public ones, so that nobody can use us to look into a network.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

use super::fault::Fault;

/// An address that was refused before anything was sent to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    pub host: String,
    pub address: IpAddr,
    /// The kind of address, with its article: `a private address`.
    pub why: &'static str,
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Blocked { host, address, why } = self;
        write!(f, "{host} resolves to {address}, {why}. Refused.")?;
        if *why == LOOPBACK {
            f.write_str(" For a sandbox on this machine, start with --allow-loopback.")?;
        }
        Ok(())
    }
}

impl std::error::Error for Blocked {}

const LOOPBACK: &str = "a loopback address";

/// Why the address may not be called, or nothing where it may.
pub fn refusal(address: IpAddr, allow_loopback: bool) -> Option<&'static str> {
    let kind = match address {
        IpAddr::V4(address) => refusal_v4(address),
        IpAddr::V6(address) => refusal_v6(address),
    };
    if kind == Some(LOOPBACK) && allow_loopback {
        return None;
    }
    kind
}

/// Refuses what no name resolution would see: other schemes, credentials in the URL, addresses
/// written as numbers.
pub(super) fn check_url(url: &Url, allow_loopback: bool) -> Result<(), Fault> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Fault::Url("A URL with a user name or a password is refused.".to_owned()));
    }
    let Some(host) = url.host_str() else {
        return Err(Fault::Url("The URL names no host.".to_owned()));
    };
    // `Url` has already turned every way to write an IPv4 address into the dotted one.
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    if let Some(address) = address
        && let Some(why) = refusal(address, allow_loopback)
    {
        return Err(Fault::Blocked(Blocked { host: host.to_owned(), address, why }));
    }
    let is_plain_loopback = url.scheme() == "http"
        && allow_loopback
        && match address {
            Some(address) => address.is_loopback(),
            None => host == "localhost",
        };
    if url.scheme() == "https" || is_plain_loopback {
        return Ok(());
    }
    Err(Fault::Url(format!(
        "{}:// is refused: only https is called{}.",
        url.scheme(),
        if allow_loopback { ", or plain http on this machine" } else { "" }
    )))
}

fn refusal_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = address.octets();
    let kind = match (a, b, c) {
        (0, ..) => "an address of \"this network\" (0.0.0.0/8)",
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => "a private address",
        (100, 64..=127, _) => "an address of a carrier's inner network",
        (127, ..) => LOOPBACK,
        (169, 254, _) => "a link-local address",
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => "an address of documentation",
        (192, 88, 99) => "an address of a 6to4 relay",
        (198, 18..=19, _) => "an address for benchmarks",
        (224..=239, ..) => "a multicast address",
        (240..=255, ..) | (192, 0, 0) | (192, 31, 196) | (192, 52, 193) | (192, 175, 48) => {
            "a reserved address"
        }
        _ => return None,
    };
    Some(kind)
}

fn refusal_v6(address: Ipv6Addr) -> Option<&'static str> {
    if let Some(inner) = address.to_ipv4_mapped() {
        // Nobody writes a public address like this in good faith, but loopback stays loopback.
        return Some(refusal_v4(inner).unwrap_or("an IPv4 address inside IPv6"));
    }
    let segments = address.segments();
    let kind = match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => "the unspecified address",
        [0, 0, 0, 0, 0, 0, 0, 1] => LOOPBACK,
        [0, 0, 0, 0, 0 | 0xffff, 0, ..] => "an IPv4 address inside IPv6",
        [0x64, 0xff9b, ..] => "an address of NAT64",
        [0x100, ..] => "an address that discards",
        [0x2001, 0, ..] => "an address of Teredo",
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => "an address of documentation",
        [0x2001, 0x02, ..] => "an address for benchmarks",
        [0x2001, 0..=0x01ff, ..] => "a reserved address",
        [0x2002, ..] => "an address of 6to4",
        [0x5f00, ..] => "an address for segment routing",
        [0xfc00..=0xfdff, ..] => "a unique local address",
        [0xfe80..=0xfebf, ..] => "a link-local address",
        [0xfec0..=0xfeff, ..] => "a site-local address",
        [0xff00..=0xffff, ..] => "a multicast address",
        // Only 2000::/3 is given out to the public.
        [0x2000..=0x3fff, ..] => return None,
        _ => "a reserved address",
    };
    Some(kind)
}
