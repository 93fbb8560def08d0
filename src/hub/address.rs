//! Where addresses from strangers may lead: not into our own networks, where services trust whoever reaches them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

use super::trouble::{Trouble, Why, shown};

/// Where addresses from strangers may lead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// By `https`, to public addresses.
    #[default]
    Public,
    /// By `http` too, and to private addresses: for tests and for storage of the operator's own.
    Anywhere,
}

impl Reach {
    /// Looks at an address before it is asked. Names are looked at once more when they are resolved.
    pub(super) fn check(self, url: &Url) -> Result<(), Trouble> {
        let refused = |expected: &str| {
            let message = format!("expected {expected}, found `{}`", shown(url));
            Err(Trouble::new(
                Why::NotAllowed,
                message,
                "give another address, or allow private addresses in the settings",
            ))
        };
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return refused("an `https` address");
        }
        if self == Self::Anywhere {
            return Ok(());
        }
        if url.scheme() != "https" {
            return refused("an `https` address");
        }
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        if host.parse().is_ok_and(|ip| !is_public(ip)) {
            return refused("a public address");
        }
        Ok(())
    }
}

/// Resolves names as the host does, and forgets whatever is not public. Connections go to what is left, so that a name cannot
/// lead elsewhere after it was looked at.
pub(super) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<_> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(format!("`{}` leads to no public address", name.as_str()).into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let protocol = a == 192 && b == 0 && c == 0;
    let benchmark = a == 198 && (b == 18 || b == 19);
    let special = a == 0 || a >= 240 || shared || protocol || benchmark;
    !(special
        || ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation())
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let parts = ip.segments();
    // Addresses that carry one of version 4 are as public as that one.
    if let Some(inner) = ip.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    let inner = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    if parts[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        return is_public_v4(inner(parts[6], parts[7]));
    }
    if parts[0] == 0x2002 {
        return is_public_v4(inner(parts[1], parts[2]));
    }
    // Only 2000::/3 is given out for the public; of that, Teredo and documentation are not.
    parts[0] & 0xe000 == 0x2000 && !(parts[0] == 0x2001 && (parts[1] == 0 || parts[1] == 0xdb8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for (ip, expected) in [
            ("1.1.1.1", true),
            ("172.32.0.1", true),
            ("100.128.0.1", true),
            ("2606:4700::1111", true),
            ("::ffff:1.1.1.1", true),
            ("64:ff9b::1.1.1.1", true),
            ("127.0.0.1", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("0.0.0.0", false),
            ("255.255.255.255", false),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("fd00:ec2::254", false),
            ("::ffff:10.0.0.1", false),
            ("64:ff9b::10.0.0.1", false),
            ("2002:a00:1::", false),
            ("2001::1", false),
        ] {
            assert_eq!(is_public(ip.parse().unwrap()), expected, "{ip}");
        }
    }

    #[test]
    fn strangers_lead_to_public_hosts_only() {
        for (url, public, anywhere) in [
            ("https://example.org/x", true, true),
            ("http://example.org/x", false, true),
            ("https://10.0.0.1/x", false, true),
            ("https://[::1]/x", false, true),
            // Other ways to write 127.0.0.1.
            ("https://2130706433/x", false, true),
            ("https://0x7f.1/x", false, true),
            ("file:///etc/passwd", false, false),
            ("ftp://example.org/x", false, false),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(Reach::Public.check(&url).is_ok(), public, "{url}");
            assert_eq!(Reach::Anywhere.check(&url).is_ok(), anywhere, "{url}");
        }
    }

    #[tokio::test]
    async fn names_of_this_host_lead_nowhere() {
        let found = PublicOnly.resolve("localhost".parse().unwrap()).await;
        assert!(found.err().unwrap().to_string().contains("no public address"));
    }
}
