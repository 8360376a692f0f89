//! From the file to a scenario: names are resolved, directions made whole, groups spelled out, and every deed checked to be possible at its time.

use core::{ops::Range, time::Duration};
use std::collections::{BTreeMap, BTreeSet};

use greenroom_core::{
    id::{Rid, UserId, UserName},
    limits,
    role::Role,
    stream::{Layer, OfferError, StreamKind, StreamOffer, TemporalLayers},
    time::Instant,
};

use super::{
    Action, Camera, Scenario, SfuSettings, User, Watch,
    document::{Fault, KeyPath, Step, key_path},
    error::suggestion,
    file::{CameraTable, Deed, DirectionTable, EventTable, File, LinkTable, RateEntry, StepTable, UserTable, WatchEntry},
    quantity::{InWords, QueueSize},
};
use crate::net::link::{LinkConfig, Outage, QueueLimit, RateSchedule, ScheduleError, UDP_IPV4_OVERHEAD_BYTES};

/// The shortest one-way delay. The turmoil engine hands datagrams over in ticks of 1 ms and needs to know them three ticks ahead to replay them at their exact times; both
/// engines must tell the same story, so the bound holds for both. It is no hardship: 3 ms is 600 km of fibre.
pub(super) const MIN_DELAY: Duration = Duration::from_millis(3);

/// How much may wait for a link whose file does not say: 300 ms of drop-tail, as on the reference path of RFC 8867.
const DEFAULT_QUEUE: QueueLimit = QueueLimit::Time(Duration::from_millis(300));

/// Makes the scenario, or says what stands in the way.
pub(super) fn scenario(name: &str, file: &File) -> Result<Scenario, Fault> {
    let duration = file.duration.0;
    if duration.is_zero() {
        return Err(Fault::new(key_path!["duration"], "expected more than nothing"));
    }
    let links = links(&file.link)?;
    let cast = Cast::of(&file.user)?;
    let mut deeds = deeds(&file.event, &cast, duration)?;
    let mut everybody = Vec::with_capacity(cast.ids.len());
    for (at, entry) in file.user.iter().enumerate() {
        for mut user in users(at, entry, &links, &cast, duration)? {
            user.actions = actions(&user, entry.publish, &deeds.remove(&everybody.len()).unwrap_or_default())?;
            everybody.push(user);
        }
    }
    Ok(Scenario {
        name: name.to_string(),
        title: file.title.clone(),
        about: file.about.trim().to_string(),
        duration,
        users: everybody,
        camera: camera(&file.camera)?,
        sfu: SfuSettings {
            reconnect_window: file.sfu.reconnect_window.0,
            start_estimate_bps: above_zero(file.sfu.start_estimate.0, || key_path!["sfu", "start_estimate"])?,
        },
    })
}

fn instant(span: Duration) -> Instant {
    Instant::ZERO.saturating_add(span)
}

fn since_start(at: Instant) -> InWords {
    InWords(at.saturating_since(Instant::ZERO))
}

fn above_zero(rate_bps: u64, path: impl FnOnce() -> KeyPath) -> Result<u64, Fault> {
    if rate_bps == 0 { Err(Fault::new(path(), "expected a rate above zero")) } else { Ok(rate_bps) }
}

// ---- links -----------------------------------------------------------------------------------------------------------------------------------------------------------

/// An access link, both directions whole.
struct AccessLink {
    up: LinkConfig,
    down: LinkConfig,
}

fn links(tables: &BTreeMap<String, LinkTable>) -> Result<BTreeMap<&str, AccessLink>, Fault> {
    tables
        .iter()
        .map(|(name, table)| {
            let (up, down) = (direction(name, table, "up", &table.up)?, direction(name, table, "down", &table.down)?);
            Ok((name.as_str(), AccessLink { up, down }))
        })
        .collect()
}

/// One direction of a link: its own keys, where they stand, before the common ones.
fn direction(link: &str, common: &LinkTable, name: &str, own: &DirectionTable) -> Result<LinkConfig, Fault> {
    // Where `key` was found, for errors.
    let place = |is_own: bool, key: &str| {
        if is_own { key_path!["link", link, name, key] } else { key_path!["link", link, key] }
    };

    let Some(delay) = own.delay.or(common.delay) else {
        return Err(Fault::new(key_path!["link", link], "delay is missing; expected a time of at least 3 ms, such as \"20 ms\""));
    };
    if delay.0 < MIN_DELAY {
        let problem = format!("expected at least {}: engines need that much to look ahead; found {}", InWords(MIN_DELAY), InWords(delay.0));
        return Err(Fault::new(place(own.delay.is_some(), "delay"), problem));
    }
    let rate = match own.rate.as_ref().or(common.rate.as_ref()) {
        Some(rate) => schedule(rate, &place(own.rate.is_some(), "rate"))?,
        None => RateSchedule::unlimited(),
    };
    let outages = own.outages.as_ref().or(common.outages.as_ref());
    for (at, outage) in outages.into_iter().flatten().enumerate() {
        if outage.to <= outage.from {
            let mut path = place(own.outages.is_some(), "outages");
            path.extend([Step::Index(at), Step::from("to")]);
            return Err(Fault::new(
                path,
                format!("the outage ends at {}, not after its beginning at {}", InWords(outage.to.0), InWords(outage.from.0)),
            ));
        }
    }
    Ok(LinkConfig {
        rate,
        queue: match own.queue.or(common.queue) {
            None => DEFAULT_QUEUE,
            Some(QueueSize::Unlimited) => QueueLimit::Unlimited,
            Some(QueueSize::Time(limit)) => QueueLimit::Time(limit),
            Some(QueueSize::Bytes(limit)) => QueueLimit::Bytes(limit),
            Some(QueueSize::Packets(limit)) => QueueLimit::Packets(limit),
        },
        delay: delay.0,
        jitter: own.jitter.or(common.jitter).map_or(Duration::ZERO, |jitter| jitter.0),
        loss_ppb: own.loss.or(common.loss).map_or(0, |loss| loss.0),
        overhead_bytes: own.overhead.or(common.overhead).map_or(UDP_IPV4_OVERHEAD_BYTES, |overhead| overhead.0),
        outages: outages.into_iter().flatten().map(|outage| Outage { from: instant(outage.from.0), to: instant(outage.to.0) }).collect(),
    })
}

/// A rate over time. Zero is a pause: it may stand between other rates, but not be all there is, nor the end.
fn schedule(entry: &RateEntry, path: &KeyPath) -> Result<RateSchedule, Fault> {
    let fault = |below: KeyPath, problem: &str| Fault::new(path.iter().cloned().chain(below).collect(), problem);
    let steps = match entry {
        RateEntry::Constant(rate) => {
            return match rate.0 {
                Some(0) => Err(fault(key_path![], "a link without capacity carries nothing; expected a rate above zero, or outages")),
                Some(rate_bps) => Ok(RateSchedule::constant(rate_bps)),
                None => Ok(RateSchedule::unlimited()),
            };
        }
        RateEntry::Steps(steps) => steps,
    };
    if let Some((last, StepTable { is, .. })) = steps.iter().enumerate().next_back()
        && is.0 == Some(0)
    {
        return Err(fault(key_path![last, "is"], "the link would stand still for good; expected a rate above zero in the last step"));
    }
    RateSchedule::new(steps.iter().map(|step| (instant(step.at.0), step.is.0)).collect()).map_err(|error| match error {
        ScheduleError::BeginningOpen if steps.is_empty() => fault(key_path![], "expected a rate or a list of steps, found an empty list"),
        ScheduleError::BeginningOpen => fault(key_path![0, "at"], "the first step must be at \"0 s\""),
        ScheduleError::NotRising { at } => {
            let (before, this) = (InWords(steps[at - 1].at.0), InWords(steps[at].at.0));
            fault(key_path![at, "at"], &format!("expected a time after that of the step before, {before}; found {this}"))
        }
    })
}

// ---- users -----------------------------------------------------------------------------------------------------------------------------------------------------------

/// Who takes part: every user, and what ids stand for.
struct Cast {
    /// The users' ids, in the file's order, groups spelled out.
    ids: Vec<UserId>,
    /// Where in `ids` the users stand that an id means: one, or a group's members.
    places: BTreeMap<String, Range<usize>>,
    /// Where in `ids` the users of each entry stand.
    entries: Vec<Range<usize>>,
}

impl Cast {
    fn of(entries: &[UserTable]) -> Result<Self, Fault> {
        if entries.is_empty() {
            return Err(Fault::new(key_path![], "nobody takes part; expected at least one [[user]]"));
        }
        let mut cast = Self { ids: Vec::new(), places: BTreeMap::new(), entries: Vec::new() };
        for (at, entry) in entries.iter().enumerate() {
            let fault = |key: &str, problem: String| Fault::new(key_path!["user", at, key], problem);
            let first = cast.ids.len();
            let size = first + entry.count.map_or(1, |count| count as usize);
            if size > limits::ROOM_MEMBERS {
                let problem = format!("with this there are {size} users; a room has at most {}", limits::ROOM_MEMBERS);
                return Err(fault(if entry.count.is_some() { "count" } else { "id" }, problem));
            }
            let id = UserId::new(&entry.id).map_err(|error| fault("id", error.to_string()))?;
            match entry.count {
                None => cast.ids.push(id),
                Some(count) => {
                    for n in 1..=count {
                        let member = UserId::new(&format!("{id}-{n}")).map_err(|error| fault("id", error.to_string()))?;
                        cast.ids.push(member);
                    }
                }
            }
            let members = if entry.count.is_some() { cast.ids[first..].iter() } else { [].iter() };
            let meanings = members.enumerate().map(|(n, member)| (member.to_string(), first + n..first + n + 1));
            for (id, place) in meanings.chain([(entry.id.clone(), first..size)]) {
                if cast.places.insert(id.clone(), place).is_some() {
                    return Err(fault("id", format!("the id \"{id}\" is taken; each user needs its own")));
                }
            }
            cast.entries.push(first..size);
        }
        Ok(cast)
    }

    /// The users that `id` stands for.
    fn find(&self, id: &str, path: impl FnOnce() -> KeyPath) -> Result<Range<usize>, Fault> {
        self.places.get(id).cloned().ok_or_else(|| {
            let problem = format!("no user is called \"{id}\"; {}", suggestion(id, self.places.keys().map(String::as_str)));
            Fault::new(path(), problem)
        })
    }
}

/// The user of an entry, or each member of its group; they enter, and do nothing else yet.
fn users(at: usize, entry: &UserTable, links: &BTreeMap<&str, AccessLink>, cast: &Cast, duration: Duration) -> Result<Vec<User>, Fault> {
    let fault = |key: &str, problem: String| Fault::new(key_path!["user", at, key], problem);

    let name = entry.name.as_deref().map(UserName::new).transpose().map_err(|error| fault("name", error.to_string()))?;
    let role = Role::from(entry.role);
    if entry.publish && !role.may_publish() {
        return Err(fault(
            "publish",
            format!("a {} only watches; expected role = \"{}\", or no publish", role.name(), Role::Joiner.name()),
        ));
    }
    let Some(link) = links.get(entry.link.as_str()) else {
        return Err(fault("link", format!("no link is called \"{}\"; {}", entry.link, suggestion(&entry.link, links.keys().copied()))));
    };
    if entry.every.is_some() && entry.count.is_none() {
        return Err(fault("every", "is for groups; expected a count beside it".to_string()));
    }

    let every = entry.every.map_or(Duration::ZERO, |every| every.0);
    let first = entry.join.map_or(Duration::ZERO, |join| join.0);
    let last = first.saturating_add(every.saturating_mul(entry.count.map_or(0, |count| count - 1)));
    if first >= duration {
        return Err(fault("join", format!("{} is after the end; the scenario lasts {}", InWords(first), InWords(duration))));
    }
    if last >= duration {
        let problem =
            format!("the last of the group would enter at {}, after the end; the scenario lasts {}", InWords(last), InWords(duration));
        return Err(fault("every", problem));
    }

    let watch = watch(at, &entry.watch, cast)?;
    let ids = &cast.ids[cast.entries[at].clone()];
    let user = |(n, id): (u32, &UserId)| User {
        id: id.clone(),
        name: name.clone(),
        role,
        link: entry.link.clone(),
        up: link.up.clone(),
        down: link.down.clone(),
        watch: watch.clone(),
        actions: vec![(instant(first.saturating_add(every.saturating_mul(n))), Action::Join)],
    };
    Ok((0..).zip(ids).map(user).collect())
}

fn watch(user: usize, entry: &WatchEntry, cast: &Cast) -> Result<Watch, Fault> {
    let names = match entry {
        WatchEntry::All => return Ok(Watch::All),
        WatchEntry::Users(names) => names,
    };
    let mut users = BTreeSet::new();
    for (n, name) in names.iter().enumerate() {
        let members = cast.find(name, || key_path!["user", user, "watch", n])?;
        users.extend(cast.ids[members].iter().cloned());
    }
    Ok(Watch::Users(users))
}

// ---- events ----------------------------------------------------------------------------------------------------------------------------------------------------------

/// What somebody does, and the event of the file that says so.
type Deeds = Vec<(Instant, Action, usize)>;

/// What each user does besides entering at first, by place among the users, in order of time.
fn deeds(entries: &[EventTable], cast: &Cast, duration: Duration) -> Result<BTreeMap<usize, Deeds>, Fault> {
    let mut deeds: BTreeMap<usize, Deeds> = BTreeMap::new();
    for (n, entry) in entries.iter().enumerate() {
        if entry.at.0 >= duration {
            let problem = format!("{} is after the end; the scenario lasts {}", InWords(entry.at.0), InWords(duration));
            return Err(Fault::new(key_path!["event", n, "at"], problem));
        }
        let action = action(entry, n)?;
        for user in cast.find(&entry.user, || key_path!["event", n, "user"])? {
            deeds.entry(user).or_default().push((instant(entry.at.0), action, n));
        }
    }
    for deeds in deeds.values_mut() {
        // Stable: what stands at one time is done in the file's order.
        deeds.sort_by_key(|(at, _, _)| *at);
    }
    Ok(deeds)
}

fn action(entry: &EventTable, n: usize) -> Result<Action, Fault> {
    let belongs =
        |key: &str, to: &str| Fault::new(key_path!["event", n, key], format!("belongs to {to}; {} has no {key}", entry.what.word()));
    let (audio, video) = (entry.audio.unwrap_or(false), entry.video.unwrap_or(false));

    if entry.role.is_some() && entry.what != Deed::SwitchRole {
        return Err(belongs("role", "switch_role"));
    }
    match entry.what {
        Deed::Mute | Deed::Unmute if !audio && !video => {
            let problem = format!("{} what? expected audio = true, video = true, or both", entry.what.word());
            Err(Fault::new(key_path!["event", n, "do"], problem))
        }
        Deed::Mute => Ok(Action::Mute { audio, video }),
        Deed::Unmute => Ok(Action::Unmute { audio, video }),
        _ if entry.audio.is_some() => Err(belongs("audio", "mute and unmute")),
        _ if entry.video.is_some() => Err(belongs("video", "mute and unmute")),
        Deed::SwitchRole => match entry.role {
            Some(role) => Ok(Action::SwitchRole(role.into())),
            None => Err(Fault::new(key_path!["event", n, "do"], "to which role? expected role = \"joiner\" or \"player\" beside it")),
        },
        Deed::Publish => Ok(Action::Publish),
        Deed::Unpublish => Ok(Action::Unpublish),
        Deed::Leave => Ok(Action::Leave),
        Deed::Join => Ok(Action::Join),
    }
}

/// Where a user stands while its deeds are gone through.
enum Standing {
    Outside { since: Instant, left: bool },
    Inside { since: Instant, role: Role, publishing: bool },
}

/// All that a user does, each deed checked to be possible after those before it. Who publishes at once publishes at once each time.
fn actions(user: &User, publishes: bool, deeds: &[(Instant, Action, usize)]) -> Result<Vec<(Instant, Action)>, Fault> {
    let id = &user.id;
    let (entry, _) = user.actions[0];
    let mut actions = Vec::with_capacity(deeds.len() + 2);
    let enter = |actions: &mut Vec<_>, at| {
        actions.push((at, Action::Join));
        if publishes {
            actions.push((at, Action::Publish));
        }
        Standing::Inside { since: at, role: user.role, publishing: publishes }
    };

    // One who enters later is outside until then; events are checked against that, whatever order the file has.
    let mut standing = Standing::Outside { since: entry, left: false };
    let mut waiting = Some(entry);
    for &(at, action, n) in deeds {
        if let Some(entry) = waiting.take_if(|entry| *entry <= at) {
            standing = enter(&mut actions, entry);
        }
        let fault = |problem: String| Err(Fault::new(key_path!["event", n, "do"], problem));
        match (&mut standing, action) {
            (Standing::Outside { since, left: false }, _) => {
                let problem = format!("{id} can do nothing at {}, before entering at {}", since_start(at), since_start(*since));
                return Err(Fault::new(key_path!["event", n, "at"], problem));
            }
            (Standing::Outside { left: true, .. }, Action::Join) => {
                standing = enter(&mut actions, at);
                continue;
            }
            (Standing::Outside { since, left: true }, _) => {
                return fault(format!("{id} is not in the room at {}, having left at {}", since_start(at), since_start(*since)));
            }
            (Standing::Inside { since, .. }, Action::Join) => {
                return fault(format!("{id} is in the room already, since {}", since_start(*since)));
            }
            (Standing::Inside { .. }, Action::Leave) => standing = Standing::Outside { since: at, left: true },
            (Standing::Inside { role, publishing, .. }, Action::SwitchRole(to)) => {
                *role = to;
                // who leaves the stage publishes no longer.
                *publishing &= to.may_publish();
            }
            (Standing::Inside { role, .. }, Action::Publish) if !role.may_publish() => {
                return fault(format!(
                    "{id} is a {} at {} and only watches; expected a switch_role to \"joiner\" before",
                    role.name(),
                    since_start(at)
                ));
            }
            (Standing::Inside { publishing: true, .. }, Action::Publish) => {
                return fault(format!("{id} publishes already at {}", since_start(at)));
            }
            (Standing::Inside { publishing, .. }, Action::Publish) => *publishing = true,
            (Standing::Inside { publishing: false, .. }, Action::Unpublish | Action::Mute { .. } | Action::Unmute { .. }) => {
                return fault(format!("{id} publishes nothing at {}", since_start(at)));
            }
            (Standing::Inside { publishing, .. }, Action::Unpublish) => *publishing = false,
            (Standing::Inside { .. }, Action::Mute { .. } | Action::Unmute { .. }) => {}
        }
        actions.push((at, action));
    }
    if let Some(entry) = waiting {
        enter(&mut actions, entry);
    }
    Ok(actions)
}

// ---- the camera ------------------------------------------------------------------------------------------------------------------------------------------------------

fn camera(table: &CameraTable) -> Result<Camera, Fault> {
    let mut layers = Vec::with_capacity(table.layers.len());
    for (at, layer) in table.layers.iter().enumerate() {
        let rid = Rid::new(&layer.rid).map_err(|error| Fault::new(key_path!["camera", "layers", at, "rid"], error.to_string()))?;
        let max_bps = above_zero(layer.rate.0, || key_path!["camera", "layers", at, "rate"])?;
        let temporal = TemporalLayers::new(layer.temporal).filter(|layers| layers.get() <= 3);
        let temporal_layers = temporal.ok_or_else(|| {
            let expected = "expected 1, 2 or 3 temporal layers";
            Fault::new(key_path!["camera", "layers", at, "temporal"], format!("{} is too many or too few; {expected}", layer.temporal))
        })?;
        layers.push(Layer { rid, width: None, height: layer.height, max_bps, temporal_layers });
    }
    let audio_bps = above_zero(table.audio.0, || key_path!["camera", "audio"])?;

    // The room's own rule decides; what it would refuse is refused here.
    let offer = StreamOffer { kind: StreamKind::Main, audio_bps: Some(audio_bps), layers, on_demand: false };
    offer.check().map_err(|error| match error {
        OfferError::NotALadder { at } => {
            Fault::new(key_path!["camera", "layers", at], "each layer needs its own rid and a higher rate than the one before it")
        }
        OfferError::TooManyLayers { .. } | OfferError::Empty => Fault::new(key_path!["camera", "layers"], error.to_string()),
    })?;
    Ok(Camera { fps: table.fps, audio_bps, layers: offer.layers })
}
