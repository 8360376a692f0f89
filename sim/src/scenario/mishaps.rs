//! Which faults a file asks for, each checked to be possible: what it needs stands beside it, its host is there, and no other fault makes it meaningless.

use core::time::Duration;

use greenroom_core::time::Instant;

use super::{
    Fault, FaultKind, SERVER_NAME, User, Ways,
    document::{Wrong, key_path},
    error::suggestion,
    fault::Believer,
    file::{Deed, EventTable},
    quantity::InWords,
};
use crate::net::SERVER;

/// A fault as one event of the file asks for it, whomever it befalls.
pub(super) fn kind(entry: &EventTable, n: usize) -> Result<Option<FaultKind>, Wrong> {
    let word = entry.what.word();
    let belongs = |key: &str, to: &str| Err(Wrong::new(key_path!["event", n, key], format!("belongs to {to}; {word} has no {key}")));
    let is = |deeds: &[Deed]| deeds.contains(&entry.what);

    if entry.lasts.is_some() && !is(&[Deed::Crash, Deed::Pause, Deed::Partition, Deed::Hold]) {
        return belongs("for", "crash, pause, partition and hold");
    }
    if entry.direction.is_some() && !is(&[Deed::Partition, Deed::Hold]) {
        return belongs("direction", "partition and hold");
    }
    if entry.silent.is_some() && !is(&[Deed::Crash]) {
        return belongs("silent", "crash");
    }
    if entry.believer.is_some() && !is(&[Deed::HalfOpen]) {
        return belongs("believer", "half_open");
    }
    if entry.drift.is_some() && !is(&[Deed::Clock]) {
        return belongs("drift", "clock");
    }
    if entry.leap.is_some() && !is(&[Deed::Clock]) {
        return belongs("leap", "clock");
    }
    if entry.lasts.is_some_and(|lasts| lasts.0.is_zero()) {
        return Err(Wrong::new(key_path!["event", n, "for"], "expected more than nothing"));
    }
    if entry.lasts.is_none() && is(&[Deed::Pause, Deed::Partition, Deed::Hold]) {
        return Err(Wrong::new(key_path!["event", n, "do"], format!("{word} for how long? expected for = \"4 s\" or the like beside it")));
    }
    let ways = entry.direction.map_or(Ways::BOTH, Ways::from);
    Ok(Some(match entry.what {
        Deed::Publish
        | Deed::Unpublish
        | Deed::Share
        | Deed::Unshare
        | Deed::Watch
        | Deed::SwitchRole
        | Deed::Mute
        | Deed::Unmute
        | Deed::Leave
        | Deed::Join => return Ok(None),
        Deed::Crash => FaultKind::Crash { silent: entry.silent.unwrap_or(false) },
        Deed::Pause => FaultKind::Pause,
        Deed::Partition => FaultKind::Partition(ways),
        Deed::Hold => FaultKind::Hold(ways),
        Deed::Close => FaultKind::Close,
        Deed::HalfOpen => FaultKind::HalfOpen { believer: entry.believer.map_or(Believer::Server, Believer::from) },
        Deed::Rebind => FaultKind::Rebind,
        Deed::Move => FaultKind::Move,
        Deed::Clock => {
            let (drift_ppb, leap) = (entry.drift.map_or(0, |drift| drift.0), entry.leap.map_or(Duration::ZERO, |leap| leap.0));
            if entry.drift.is_none() && leap.is_zero() {
                let problem = "what of it? expected drift = \"200 ppm\", leap = \"2 s\", or both beside it";
                return Err(Wrong::new(key_path!["event", n, "do"], problem));
            }
            FaultKind::Clock { drift_ppb, leap }
        }
    }))
}

/// Whether a fault of that kind can befall that host at all; clients' presence is checked where their deeds are.
pub(super) fn check_host(kind: FaultKind, n: usize, host: Option<&User>, keeps_trying: bool) -> Result<(), Wrong> {
    let wrong = |problem: String| Err(Wrong::new(key_path!["event", n, "host"], problem));
    let word = kind.word();
    match (kind, host) {
        (FaultKind::HalfOpen { .. } | FaultKind::Rebind | FaultKind::Move, None) => {
            wrong(format!("{word} is for users' hosts; the server has one address, and many connections"))
        }
        (FaultKind::Crash { .. }, None) if !keeps_trying => wrong(
            "the server forgets its room, and clients that give up do not come back; expected after_window = \"keep_trying\" in [client]"
                .to_owned(),
        ),
        (FaultKind::Rebind, Some(User { id, link, nat: None, .. })) => {
            wrong(format!("{id} has no NAT to be bound anew; expected nat = {{}} in [link.{link}], or do = \"move\""))
        }
        (_, _) => Ok(()),
    }
}

/// Whose a fault is: no key is both, none is missing.
pub(super) fn whose(entry: &EventTable, n: usize) -> Result<&str, Wrong> {
    let word = entry.what.word();
    match (&entry.user, &entry.host, entry.what.is_fault()) {
        (Some(user), None, false) => Ok(user),
        (None, Some(host), true) => Ok(host),
        (Some(_), _, true) => Err(Wrong::new(
            key_path!["event", n, "user"],
            format!("{word} befalls a host, it is not done by a user; expected host = \"{SERVER_NAME}\" or a user's id"),
        )),
        (_, Some(_), false) => {
            Err(Wrong::new(key_path!["event", n, "host"], format!("{word} is done by a user; expected user = \"ada\" or another id")))
        }
        (None, None, fault) => {
            let key = if fault { "host" } else { "user" };
            Err(Wrong::new(key_path!["event", n], format!("{key} is missing; expected a text in quotes")))
        }
    }
}

/// What is said about a host that nobody has.
pub(super) fn unknown_host<'a>(host: &str, n: usize, known: impl Iterator<Item = &'a str>) -> Wrong {
    let problem = format!("no host is called \"{host}\"; {}", suggestion(host, [SERVER_NAME].into_iter().chain(known)));
    Wrong::new(key_path!["event", n, "host"], problem)
}

/// A fault, with the event of the file that asks for it.
pub(super) type Asked = (Fault, usize);

/// That no fault comes while another one leaves it nothing to befall: two of one host's process at once, two of one kind in one direction of a link, or a connection cut while an end of it is down.
pub(super) fn check_overlaps(asked: &[Asked], name: impl Fn(u16) -> String) -> Result<(), Wrong> {
    let mut in_time: Vec<&Asked> = asked.iter().collect();
    in_time.sort_by_key(|(fault, n)| (fault.at, *n));
    for (at, (later, n)) in in_time.iter().enumerate() {
        for (earlier, _) in &in_time[..at] {
            if let Some(why) = clash(earlier, later) {
                let (word, host, since) = (earlier.kind.word(), name(earlier.host), since_start(earlier.at));
                let until = earlier.until.map_or_else(|| "the end".to_owned(), |until| since_start(until).to_string());
                let problem = format!("{why}: the {word} of {host} lasts from {since} to {until}");
                return Err(Wrong::new(key_path!["event", *n, "at"], problem));
            }
        }
    }
    Ok(())
}

fn clash(earlier: &Fault, later: &Fault) -> Option<&'static str> {
    let (same_host, lasts) = (earlier.host == later.host, earlier.covers(later.at));
    if !lasts {
        return None;
    }
    let cuts = matches!(later.kind, FaultKind::Close | FaultKind::HalfOpen { .. });
    match (earlier.kind, later.kind) {
        (FaultKind::Crash { .. }, FaultKind::Crash { .. } | FaultKind::Pause | FaultKind::Rebind | FaultKind::Move) if same_host => {
            Some("the host is down then")
        }
        (FaultKind::Crash { .. }, _) if cuts && (same_host || earlier.host == SERVER) => Some("an end of the connection is down then"),
        (FaultKind::Pause, FaultKind::Crash { .. } | FaultKind::Pause) if same_host => Some("the host stands still then"),
        (FaultKind::Pause, _) if cuts && (same_host || earlier.host == SERVER) => Some("an end of the connection stands still then"),
        (FaultKind::Partition(one), FaultKind::Partition(other)) | (FaultKind::Hold(one), FaultKind::Hold(other))
            if one.meet(other) && (same_host || earlier.host == SERVER || later.host == SERVER) =>
        {
            Some("the link suffers that already")
        }
        (_, _) => None,
    }
}

pub(super) fn since_start(at: Instant) -> InWords {
    InWords(at.saturating_since(Instant::ZERO))
}
