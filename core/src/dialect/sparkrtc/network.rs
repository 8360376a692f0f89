//! The network's settings: proxies and TURN servers, which the platform uses, and the cap on bandwidth, which room and platform keep.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use serde_json::Value;

use super::{Client, Failure, Reply, Then, arguments::Fields, streams::Published};
use crate::{
    code::sparkrtc::client,
    dialect::{HostOrder, TurnServers, VendorCall, whole},
    limits,
    member::Cap,
    session::{self, ConnectionState},
    stream::BitsPerSecond,
};

/// What media may take at the least and at the most, in kbps (3.5.2 setNetworkBandwidth).
const MAX_BANDWIDTH_KBPS: core::ops::RangeInclusive<u64> = 3072..=51_200;

/// The cap on bandwidth, and who knows of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Bandwidth {
    cap: Option<Cap>,
    /// What the room was told in this stay; none where that came to nothing.
    told: Option<Cap>,
    /// What the platform was told of each stream that it has to hold back.
    held_back: BTreeMap<String, BitsPerSecond>,
}

impl Client {
    /// The reverse proxies through which the service is reached. The one text may list several, with commas between them: no separator is printed.
    pub(super) fn set_proxy_server(&mut self, call: &VendorCall) -> Result<Reply, Failure> {
        let fields = Fields::of(&call.args);
        let servers: Vec<String> = fields.text("server")?.split(',').map(str::trim).map(Into::into).collect();
        if servers.len() > limits::RELAY_SERVERS || !servers.iter().all(|server| is_proxy(server)) {
            return Err(fields.wrong("server", "http://host:port or https://host:port, at most 16 with commas between them").into());
        }
        self.before_joining()?;
        self.order(HostOrder::UseProxies { servers });
        Ok(Reply::Now(Value::Null))
    }

    /// The relays through which media goes. Whose they are and the password are for the platform alone.
    pub(super) fn set_turn_server(&mut self, call: &VendorCall) -> Result<Reply, Failure> {
        let fields = Fields::of(&call.args);
        let config = fields.object("turnServerConfig")?;
        let servers: Vec<String> = config.texts("turnServers")?.into_iter().map(Into::into).collect();
        let is_address = |server: &String| !server.is_empty() && server.len() <= limits::SERVER_ADDRESS_BYTES;
        if servers.is_empty() || servers.len() > limits::RELAY_SERVERS || !servers.iter().all(is_address) {
            return Err(config.wrong("turnServers", "1 to 16 addresses").into());
        }
        let port = |value| whole(value).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
        let udp_port = config.get("udpPort").map(|value| port(value).ok_or_else(|| config.wrong("udpPort", "1 to 65535"))).transpose()?;
        let secret = |name: &str| match config.text_or_none(name)? {
            Some(text) if text.len() > limits::TURN_CREDENTIAL_BYTES => Err(config.wrong(name, "at most 512 bytes")),
            text => Ok(text.map(String::from)),
        };
        let turn = TurnServers { servers, udp_port, user_name: secret("userName")?, credential: secret("credential")? };
        self.before_joining()?;
        self.order(HostOrder::UseTurn(turn));
        Ok(Reply::Now(Value::Null))
    }

    /// Once the way in has begun, it is too late: nothing is changed, and the call fails (R-238, C-34).
    fn before_joining(&self) -> Result<(), Failure> {
        if self.state == ConnectionState::Disconnected { Ok(()) } else { Err(client::INVALID_OPERATION.into()) }
    }

    /// Bounds all media, sent and received, at any time (R-241, C-42).
    pub(super) fn set_network_bandwidth(&mut self, call: &VendorCall) -> Result<Reply, Failure> {
        let param = Fields::of(&call.args).object("bandwidthParam")?;
        let kbps = param.get("maxBandwidth").and_then(whole).filter(|kbps| MAX_BANDWIDTH_KBPS.contains(kbps));
        let kbps = kbps.ok_or_else(|| param.wrong("maxBandwidth", "3072 to 51200"))?;
        self.bandwidth.cap = Some(Cap(kbps * 1000));
        self.sync_bandwidth();
        Ok(Reply::Now(Value::Null))
    }

    /// Tells the room the cap, where it does not know: it keeps what is received within its part.
    pub(super) fn sync_bandwidth(&mut self) {
        let cap = self.bandwidth.cap;
        if self.stay.is_none() || self.state != ConnectionState::Connected || self.bandwidth.told == cap {
            return;
        }
        self.bandwidth.told = cap;
        self.quietly(session::Call::LimitBandwidth { max_bps: cap.map(|cap| cap.0) }, Then::Bandwidth);
    }

    /// The room has not taken the cap, or has forgotten it with the stay.
    pub(super) fn forget_told_bandwidth(&mut self) {
        self.bandwidth.told = None;
    }

    /// Makes the platform keep what is sent within its part of the cap, which published streams share as their needs are.
    pub(super) fn hold_back(&mut self) {
        let Some(cap) = self.bandwidth.cap else { return };
        let needed = |local: &super::LocalStream| match local.published {
            Published::Yes { .. } => local.offer(false).map(|offer| offer.max_bps()),
            Published::Asked { .. } | Published::No => None,
        };
        let streams: Vec<(String, BitsPerSecond)> =
            self.streams.iter().filter_map(|(name, local)| Some((name.clone(), needed(local)?))).collect();
        let all = streams.iter().fold(0, |sum: BitsPerSecond, (_, bps)| sum.saturating_add(*bps));
        let to_send = cap.to_send(all);
        self.bandwidth.held_back.retain(|name, _| streams.iter().any(|(there, _)| there == name));
        for (stream, bps) in streams {
            let share = u128::from(bps) * u128::from(to_send) / u128::from(all.max(1));
            let max_bps = (to_send < all).then(|| BitsPerSecond::try_from(share).expect("a share of a number of 64 bits is one"));
            let before = match max_bps {
                Some(bps) => self.bandwidth.held_back.insert(stream.clone(), bps),
                None => self.bandwidth.held_back.remove(&stream),
            };
            if before != max_bps {
                self.order(HostOrder::LimitSending { stream, max_bps });
            }
        }
    }
}

/// Whether that is `http://host:port` or `https://host:port`, the host a name, an IPv4 address, or an IPv6 address in brackets.
fn is_proxy(server: &str) -> bool {
    let Some((scheme, rest)) = server.split_once("://") else { return false };
    let Some((host, port)) = rest.rsplit_once(':') else { return false };
    let is_name = |host: &str| !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    let is_v6 = |host: &str| host.parse::<core::net::Ipv6Addr>().is_ok();
    let in_brackets = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let good_port = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    let good_scheme = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    server.len() <= limits::SERVER_ADDRESS_BYTES && good_scheme && good_port && in_brackets.map_or_else(|| is_name(host), is_v6)
}

#[cfg(test)]
mod tests {
    use super::*;

    //
    #[test]
    fn a_proxy_is_a_scheme_a_host_and_a_port() {
        for good in ["http://10.0.0.1:8080", "https://proxy.example.org:443", "HTTP://a:1", "http://[::1]:65535"] {
            assert!(is_proxy(good), "{good}");
        }
        for bad in [
            "",
            "10.0.0.1:8080",
            "http://10.0.0.1",
            "http://:80",
            "http://a:0",
            "http://a:65536",
            "http://a:+80",
            "http://a:80/",
            "ftp://a:21",
            "http://user:secret@a:80",
            "http://a b:80",
            "http://[a]:80",
            "http://::1:80",
        ] {
            assert!(!is_proxy(bad), "{bad}");
        }
    }
}
