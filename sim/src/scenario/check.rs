//! From the file to a scenario: names are resolved, directions made whole, groups spelled out, and every deed checked to be possible at its time.

use core::{ops::Range, time::Duration};
use std::{collections::BTreeMap, path::Path};

use greenroom_core::{
    id::{Rid, UserId, UserName},
    limits,
    role::Role,
    select::Policy,
    session::AfterWindow,
    stream::{Layer, OfferError, StreamKind, StreamOffer, TemporalLayers},
    time::Instant,
};

use super::{
    Action, Camera, ClientSettings, Fault, FaultKind, SERVER_NAME, Scenario, Screen, SfuSettings, User, Watch,
    document::{KeyPath, Wrong, key_path},
    error::suggestion,
    file::{CameraTable, Deed, EventTable, File, LayerTable, PolicyWord, ScreenTable, UserTable},
    links::{AccessLink, links, shared},
    mishaps::{self, Asked, since_start},
    quantity::InWords,
    voice,
    watch::{self, WatchEntry},
};
use crate::{
    net::{SERVER, link::Outage},
    policy,
};

/// Makes the scenario, or says what stands in the way.
pub(super) fn scenario(name: &str, file: &File, folder: &Path) -> Result<Scenario, Wrong> {
    let duration = file.duration.0;
    if duration.is_zero() {
        return Err(Wrong::new(key_path!["duration"], "expected more than nothing"));
    }
    let shared = shared(&file.shared, folder)?;
    let links = links(&file.link, &shared, folder)?;
    let cast = Cast::of(&file.user)?;
    let (mut deeds, asked) = deeds(&file.event, &cast, duration)?;
    let mut everybody = Vec::with_capacity(cast.ids.len());
    for (at, entry) in file.user.iter().enumerate() {
        for mut user in users(at, entry, &links, &cast, duration)? {
            let end = instant(duration);
            user.actions = actions(&user, entry, &deeds.remove(&everybody.len()).unwrap_or_default(), end)?;
            everybody.push(user);
        }
    }
    let client = ClientSettings { after_window: file.client.after_window.into() };
    for (fault, n) in &asked {
        let user = usize::from(fault.host).checked_sub(1).and_then(|at| everybody.get(at));
        mishaps::check_host(fault.kind, *n, user, client.after_window == AfterWindow::KeepTrying)?;
    }
    mishaps::check_overlaps(&asked, |host| {
        usize::from(host).checked_sub(1).map_or_else(|| SERVER_NAME.to_owned(), |at| everybody[at].id.to_string())
    })?;
    let faults: Vec<Fault> = asked.into_iter().map(|(fault, _)| fault).collect();
    cut_links(&mut everybody, &faults);
    Ok(Scenario {
        name: name.to_string(),
        title: file.title.clone(),
        about: file.about.trim().to_string(),
        duration,
        users: everybody,
        shared,
        camera: camera(&file.camera)?,
        screen: screen(&file.screen)?,
        sfu: SfuSettings {
            reconnect_window: file.sfu.reconnect_window.0,
            start_estimate_bps: above_zero(file.sfu.start_estimate.0, || key_path!["sfu", "start_estimate"])?,
            policy: match file.sfu.policy {
                PolicyWord::Chain => Policy::CHAIN,
                PolicyWord::Jvb => policy::JVB,
                PolicyWord::Livekit => policy::LIVEKIT,
                PolicyWord::Mediasoup => policy::MEDIASOUP,
            },
        },
        client,
        faults,
    })
}

/// A partition is an outage of every link that it cuts, and a hold one of its holds.
fn cut_links(users: &mut [User], faults: &[Fault]) {
    for fault in faults {
        let Some(ways) = fault.kind.ways() else { continue };
        let span = Outage { from: fault.at, to: fault.over() };
        for (_, user) in (1_u16..).zip(&mut *users).filter(|(place, _)| fault.is_of(*place)) {
            for link in [ways.up.then_some(&mut user.up), ways.down.then_some(&mut user.down)].into_iter().flatten() {
                match fault.kind {
                    FaultKind::Hold(_) => link.holds.push(span),
                    _ => link.outages.push(span),
                }
            }
        }
    }
}

pub(super) fn instant(span: Duration) -> Instant {
    Instant::ZERO.saturating_add(span)
}

pub(super) fn above_zero(rate_bps: u64, path: impl FnOnce() -> KeyPath) -> Result<u64, Wrong> {
    if rate_bps == 0 { Err(Wrong::new(path(), "expected a rate above zero")) } else { Ok(rate_bps) }
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
    fn of(entries: &[UserTable]) -> Result<Self, Wrong> {
        if entries.is_empty() {
            return Err(Wrong::new(key_path![], "nobody takes part; expected at least one [[user]]"));
        }
        let mut cast = Self { ids: Vec::new(), places: BTreeMap::new(), entries: Vec::new() };
        for (at, entry) in entries.iter().enumerate() {
            let fault = |key: &str, problem: String| Wrong::new(key_path!["user", at, key], problem);
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
    fn find(&self, id: &str, path: impl FnOnce() -> KeyPath) -> Result<Range<usize>, Wrong> {
        self.places.get(id).cloned().ok_or_else(|| {
            let problem = format!("no user is called \"{id}\"; {}", suggestion(id, self.places.keys().map(String::as_str)));
            Wrong::new(path(), problem)
        })
    }

    /// What an entry that stands at `path` says to watch.
    fn watch(&self, entry: &WatchEntry, path: KeyPath) -> Result<Watch, Wrong> {
        watch::watch(entry, &path, |id, path| Ok(self.ids[self.find(id, || path)?].to_vec()))
    }
}

/// The user of an entry, or each member of its group; they enter, and do nothing else yet.
fn users(at: usize, entry: &UserTable, links: &BTreeMap<&str, AccessLink>, cast: &Cast, duration: Duration) -> Result<Vec<User>, Wrong> {
    let fault = |key: &str, problem: String| Wrong::new(key_path!["user", at, key], problem);

    let name = entry.name.as_deref().map(UserName::new).transpose().map_err(|error| fault("name", error.to_string()))?;
    let role = Role::from(entry.role);
    let mut asked = [("publish", entry.publish), ("share", entry.share)].into_iter().filter(|(_, asked)| *asked);
    if let Some((key, _)) = asked.next().filter(|_| !role.may_publish()) {
        return Err(fault(key, format!("a {} only watches; expected role = \"{}\", or no {key}", role.name(), Role::Joiner.name())));
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

    let watch = cast.watch(&entry.watch, key_path!["user", at, "watch"])?;
    let voice = entry.voice.as_ref().map(|table| voice::voice(table, at)).transpose()?;
    let ids = &cast.ids[cast.entries[at].clone()];
    let user = |(n, id): (u32, &UserId)| User {
        id: id.clone(),
        name: name.clone(),
        role,
        link: entry.link.clone(),
        up: link.up.clone(),
        down: link.down.clone(),
        behind: link.behind,
        nat: link.nat,
        watch: watch.clone(),
        voice,
        hear: entry.hear.into(),
        actions: vec![(instant(first.saturating_add(every.saturating_mul(n))), Action::Join)],
    };
    Ok((0..).zip(ids).map(user).collect())
}

// ---- events ----------------------------------------------------------------------------------------------------------------------------------------------------------

/// What becomes of somebody at a time, and the event of the file that says so.
type Deeds = Vec<(Instant, Happening, usize)>;

/// What somebody does, or what befalls its host.
#[derive(Clone)]
enum Happening {
    Does(Action),
    Suffers(Fault),
}

/// What each user does besides entering at first and what befalls its host, by place among the users, in order of time; and everything that befalls anybody.
fn deeds(entries: &[EventTable], cast: &Cast, duration: Duration) -> Result<(BTreeMap<usize, Deeds>, Vec<Asked>), Wrong> {
    let mut deeds: BTreeMap<usize, Deeds> = BTreeMap::new();
    let mut asked = Vec::new();
    for (n, entry) in entries.iter().enumerate() {
        let whose = mishaps::whose(entry, n)?;
        if entry.at.0 >= duration {
            let problem = format!("{} is after the end; the scenario lasts {}", InWords(entry.at.0), InWords(duration));
            return Err(Wrong::new(key_path!["event", n, "at"], problem));
        }
        let at = instant(entry.at.0);
        let Some(kind) = mishaps::kind(entry, n)? else {
            let action = action(entry, n, cast)?;
            for user in cast.find(whose, || key_path!["event", n, "user"])? {
                deeds.entry(user).or_default().push((at, Happening::Does(action.clone()), n));
            }
            continue;
        };
        action_keys(entry, n)?;
        let until = entry.lasts.map(|lasts| at.saturating_add(lasts.0));
        let users = cast.places.get(whose).cloned();
        if whose == SERVER_NAME && users.is_none() {
            asked.push((Fault { at, until, host: SERVER, kind }, n));
            continue;
        }
        let unknown = || mishaps::unknown_host(whose, n, cast.places.keys().map(String::as_str));
        // A room has fewer members than there are places.
        let places = users.filter(|_| whose != SERVER_NAME).ok_or_else(unknown)?;
        for (user, host) in places.filter_map(|user| Some((user, u16::try_from(user + 1).ok()?))) {
            let fault = Fault { at, until, host, kind };
            asked.push((fault, n));
            deeds.entry(user).or_default().push((at, Happening::Suffers(fault), n));
        }
    }
    for deeds in deeds.values_mut() {
        // Stable: what stands at one time is done in the file's order.
        deeds.sort_by_key(|(at, _, _)| *at);
    }
    Ok((deeds, asked))
}

/// That a key belongs to what is done.
fn action_keys(entry: &EventTable, n: usize) -> Result<(), Wrong> {
    let belongs =
        |key: &str, to: &str| Err(Wrong::new(key_path!["event", n, key], format!("belongs to {to}; {} has no {key}", entry.what.word())));
    let mutes = matches!(entry.what, Deed::Mute | Deed::Unmute);
    if entry.role.is_some() && entry.what != Deed::SwitchRole {
        return belongs("role", "switch_role");
    }
    if entry.audio.is_some() && !mutes {
        return belongs("audio", "mute and unmute");
    }
    if entry.video.is_some() && !mutes {
        return belongs("video", "mute and unmute");
    }
    if entry.watch.is_some() && entry.what != Deed::Watch {
        return belongs("watch", "watch");
    }
    Ok(())
}

fn action(entry: &EventTable, n: usize, cast: &Cast) -> Result<Action, Wrong> {
    let wrong = |problem: String| Err(Wrong::new(key_path!["event", n, "do"], problem));
    let (audio, video) = (entry.audio.unwrap_or(false), entry.video.unwrap_or(false));
    action_keys(entry, n)?;
    match entry.what {
        Deed::Mute | Deed::Unmute if !audio && !video => {
            wrong(format!("{} what? expected audio = true, video = true, or both", entry.what.word()))
        }
        Deed::Mute => Ok(Action::Mute { audio, video }),
        Deed::Unmute => Ok(Action::Unmute { audio, video }),
        Deed::SwitchRole => match entry.role {
            Some(role) => Ok(Action::SwitchRole(role.into())),
            None => wrong("to which role? expected role = \"joiner\" or \"player\" beside it".to_owned()),
        },
        Deed::Publish => Ok(Action::Publish),
        Deed::Unpublish => Ok(Action::Unpublish),
        Deed::Share => Ok(Action::Share),
        Deed::Unshare => Ok(Action::Unshare),
        Deed::Watch => match &entry.watch {
            Some(watch) => Ok(Action::Watch(cast.watch(watch, key_path!["event", n, "watch"])?)),
            None => wrong("whom? expected watch = \"all\" or a list beside it".to_owned()),
        },
        Deed::Leave => Ok(Action::Leave),
        Deed::Join => Ok(Action::Join),
        fault if fault.is_fault() => unreachable!("{} befalls a host", fault.word()),
        other => unreachable!("{} is done by nobody", other.word()),
    }
}

/// Where a user stands while its deeds are gone through.
enum Standing {
    Outside {
        since: Instant,
        left: bool,
    },
    /// Its host is down.
    Down {
        since: Instant,
        until: Option<Instant>,
    },
    Inside {
        since: Instant,
        role: Role,
        publishing: bool,
        sharing: bool,
    },
}

/// All that a user does, each deed and fault checked to be possible after those before it. Who publishes at once publishes at once each time; whose host starts anew enters as at first.
#[expect(clippy::too_many_lines, reason = "one table of what can be done when")]
fn actions(user: &User, entry: &UserTable, deeds: &Deeds, end: Instant) -> Result<Vec<(Instant, Action)>, Wrong> {
    let id = &user.id;
    let (first, _) = user.actions[0];
    let mut actions = Vec::with_capacity(deeds.len() + 2);
    let enter = |actions: &mut Vec<_>, at| {
        actions.push((at, Action::Join));
        if entry.publish {
            actions.push((at, Action::Publish));
        }
        if entry.share {
            actions.push((at, Action::Share));
        }
        Standing::Inside { since: at, role: user.role, publishing: entry.publish, sharing: entry.share }
    };

    // One who enters later is outside until then; events are checked against that, whatever order the file has.
    let mut standing = Standing::Outside { since: first, left: false };
    let mut waiting = Some(first);
    for &(at, ref happening, n) in deeds {
        if let Some(entry) = waiting.take_if(|entry| *entry <= at) {
            standing = enter(&mut actions, entry);
        }
        if let Standing::Down { until: Some(until), .. } = standing
            && until <= at
        {
            standing = enter(&mut actions, until);
        }
        let fault = |problem: String| Err(Wrong::new(key_path!["event", n, "do"], problem));
        let action = match happening {
            Happening::Does(action) => action.clone(),
            Happening::Suffers(suffered) => {
                let not_there =
                    |why: String| Err(Wrong::new(key_path!["event", n, "host"], format!("{id} is not there to suffer it: {why}")));
                match &standing {
                    // A clock is wrong from the beginning, whether its owner has come or not.
                    _ if !suffered.kind.disturbs() => {}
                    Standing::Outside { since, left: false } => return not_there(format!("it enters at {}", since_start(*since))),
                    Standing::Outside { since, left: true } => return not_there(format!("it left at {}", since_start(*since))),
                    Standing::Down { since, .. } if suffered.kind.ways().is_none() => {
                        return not_there(format!("its host crashed at {}", since_start(*since)));
                    }
                    Standing::Down { .. } | Standing::Inside { .. } => {}
                }
                if let FaultKind::Crash { .. } = suffered.kind {
                    standing = Standing::Down { since: at, until: suffered.until };
                }
                continue;
            }
        };
        match (&mut standing, &action) {
            (Standing::Down { since, .. }, _) => {
                return fault(format!("{id} can do nothing at {}: its host crashed at {}", since_start(at), since_start(*since)));
            }
            (Standing::Outside { since, left: false }, _) => {
                let problem = format!("{id} can do nothing at {}, before entering at {}", since_start(at), since_start(*since));
                return Err(Wrong::new(key_path!["event", n, "at"], problem));
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
            (Standing::Inside { role, publishing, sharing, .. }, Action::SwitchRole(to)) => {
                *role = *to;
                // who leaves the stage publishes no longer.
                *publishing &= to.may_publish();
                *sharing &= to.may_publish();
            }
            (Standing::Inside { role, .. }, Action::Publish | Action::Share) if !role.may_publish() => {
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
            (Standing::Inside { sharing: true, .. }, Action::Share) => {
                return fault(format!("{id} shares a screen already at {}", since_start(at)));
            }
            (Standing::Inside { sharing: false, .. }, Action::Unshare) => {
                return fault(format!("{id} shares no screen at {}", since_start(at)));
            }
            (Standing::Inside { sharing, .. }, Action::Share | Action::Unshare) => *sharing = action == Action::Share,
            (Standing::Inside { .. }, Action::Mute { .. } | Action::Unmute { .. } | Action::Watch(_)) => {}
        }
        actions.push((at, action));
    }
    if let Some(entry) = waiting {
        enter(&mut actions, entry);
    }
    if let Standing::Down { until: Some(until), .. } = standing
        && until < end
    {
        enter(&mut actions, until);
    }
    Ok(actions)
}

// ---- what is sent ------------------------------------------------------------------------------------------------------------------------------------------------------

fn camera(table: &CameraTable) -> Result<Camera, Wrong> {
    let audio_bps = above_zero(table.audio.0, || key_path!["camera", "audio"])?;
    let layers = layers("camera", StreamKind::Main, Some(audio_bps), &table.layers)?;
    Ok(Camera { fps: table.fps, audio_bps, on_demand: table.on_demand, layers })
}

fn screen(table: &ScreenTable) -> Result<Screen, Wrong> {
    if table.turn.0 < Screen::PAGE {
        let problem = format!("a page takes {} to come; expected a turn no shorter", InWords(Screen::PAGE));
        return Err(Wrong::new(key_path!["screen", "turn"], problem));
    }
    if table.layers.is_empty() {
        return Err(Wrong::new(key_path!["screen", "layers"], "a screen without pictures shows nothing; expected at least one layer"));
    }
    let layers = layers("screen", StreamKind::Aux, None, &table.layers)?;
    Ok(Screen { fps: table.fps, turn: table.turn.0, on_demand: table.on_demand, layers })
}

fn layers(whose: &str, kind: StreamKind, audio_bps: Option<u64>, tables: &[LayerTable]) -> Result<Vec<Layer>, Wrong> {
    let mut layers = Vec::with_capacity(tables.len());
    for (at, layer) in tables.iter().enumerate() {
        let rid = Rid::new(&layer.rid).map_err(|error| Wrong::new(key_path![whose, "layers", at, "rid"], error.to_string()))?;
        let max_bps = above_zero(layer.rate.0, || key_path![whose, "layers", at, "rate"])?;
        let temporal = TemporalLayers::new(layer.temporal).filter(|layers| layers.get() <= 3);
        let temporal_layers = temporal.ok_or_else(|| {
            let expected = "expected 1, 2 or 3 temporal layers";
            Wrong::new(key_path![whose, "layers", at, "temporal"], format!("{} is too many or too few; {expected}", layer.temporal))
        })?;
        layers.push(Layer { rid, width: None, height: layer.height, max_bps, temporal_layers });
    }
    // The room's own rule decides; what it would refuse is refused here.
    let offer = StreamOffer { kind, audio_bps, layers, on_demand: false };
    offer.check().map_err(|error| match error {
        OfferError::NotALadder { at } => {
            Wrong::new(key_path![whose, "layers", at], "each layer needs its own rid and a higher rate than the one before it")
        }
        OfferError::TooManyLayers { .. } | OfferError::Empty => Wrong::new(key_path![whose, "layers"], error.to_string()),
    })?;
    Ok(offer.layers)
}
