//! Subscribing to streams of others.

use alloc::{collections::BTreeMap, string::ToString, vec::Vec};

use serde_json::Value;

use super::{
    Caller, Client, Failure, Reply, Then,
    arguments::{Fields, Wrong},
    streams::Remote,
};
use crate::{
    code::{
        sparkrtc::{client, server},
        vendor::VendorCode,
    },
    dialect::{StreamRef, VendorCall},
    id::UserId,
    session,
    stream::{LayerSet, StreamKind},
    wire::{RefusedWish, VideoWish},
};

/// Which remote stream.
type Key = (UserId, StreamKind);

/// Which parts of a stream a call names.
struct Parts<'a> {
    audio: bool,
    video: bool,
    /// None in particular when empty.
    ids: Vec<&'a str>,
}

impl Client {
    pub(super) fn subscribe(&mut self, call: &VendorCall) -> Result<Reply, Failure> {
        let fields = Fields::of(&call.args);
        let (key, parts) = (remote_argument(&fields)?, parts(&fields)?);
        if !parts.audio && !parts.video {
            return Err(fields.wrong("option", "audio or video").into());
        }
        let stay = self.in_room()?;
        if stay.user == key.0 {
            return Err(fields.wrong("stream", "a stream of somebody else").into());
        }
        let remote = self.remote(&key)?;
        let layers = match (parts.video, parts.ids.is_empty()) {
            (false, _) => LayerSet::EMPTY,
            (true, true) => LayerSet::HIGHEST, // R-094 R-096
            (true, false) => remote.layers(&parts.ids).ok_or_else(|| fields.wrong("option.resolutionIds", "ids of that stream"))?,
        };
        let wire_layers = if parts.video { layers } else { LayerSet::HIGHEST };
        let subscribe = session::Call::Subscribe {
            stream: remote.info.id,
            audio: parts.audio,
            video: parts.video,
            layers: wire_layers,
            min_height: None,
        };
        Ok(self.ask(Some(Caller::of(call)), subscribe, Then::Subscribe { of: key, audio: parts.audio, video: layers }))
    }

    /// A subscription was granted.
    pub(super) fn subscribed(&mut self, of: &Key, audio: bool, video: LayerSet) {
        let Some(remote) = self.remotes.get_mut(of) else { return };
        remote.audio |= audio;
        remote.video = remote.video.union(video);
        remote.was_subscribed = true;
        let data = remote.render();
        self.event("stream-subscribed", data);
        self.tell_muted(of);
    }

    pub(super) fn unsubscribe(&mut self, call: &VendorCall) -> Result<Reply, Failure> {
        let fields = Fields::of(&call.args);
        let (key, parts) = (remote_argument(&fields)?, parts(&fields)?);
        if self.in_room()?.user == key.0 {
            return Err(fields.wrong("stream", "a stream of somebody else").into());
        }
        let remote = self.remote(&key)?;
        let named = if parts.video && !parts.ids.is_empty() {
            Some(remote.layers(&parts.ids).ok_or_else(|| fields.wrong("option.resolutionIds", "ids of that stream"))?)
        } else {
            None
        };
        if !remote.was_subscribed {
            return Err(client::INVALID_OPERATION.into());
        }
        let ends = |named: LayerSet| remote.video.without(remote.without(named));
        let audio = parts.audio && remote.audio;
        let video = parts.video && !named.map_or(remote.video, ends).is_empty();
        if !audio && !video {
            return Ok(Reply::Now(Value::Null)); // what is not received cannot be ended, and that is no error
        }
        // Where nothing would be left, the server is asked to end the video: whichever layer "the highest" is by then, it goes too.
        let layers = named.filter(|named| !remote.without(*named).is_empty());
        let stream = remote.info.id;
        let unsubscribe = session::Call::Unsubscribe { stream, audio, video, layers };
        let then = Then::Unsubscribe { of: key, audio, video: video.then_some(named.unwrap_or(LayerSet::EMPTY)) };
        Ok(self.ask(Some(Caller::of(call)), unsubscribe, then))
    }

    /// Parts are received no longer. An empty set of layers stands for all of them.
    pub(super) fn unsubscribed(&mut self, of: &Key, audio: bool, video: Option<LayerSet>) {
        let Some(remote) = self.remotes.get_mut(of) else { return };
        remote.audio &= !audio;
        match video {
            Some(LayerSet::EMPTY) => remote.video = LayerSet::EMPTY, // R-096 R-100
            Some(layers) => remote.video = remote.without(layers),
            None => {}
        }
    }

    pub(super) fn batch_subscribe(&mut self, call: &VendorCall) -> Result<Reply, Failure> {
        let fields = Fields::of(&call.args);
        let mut wishes: BTreeMap<UserId, (Vec<&str>, Option<u16>)> = BTreeMap::new();
        let mut order = Vec::new();
        for info in fields.objects("subscribeInfos")? {
            let (user, ids, min_height) = (info.user("userId")?, info.texts("resolutionIds")?, min_height(&info)?);
            if wishes.insert(user.clone(), (ids, min_height)).is_some() {
                return Err(info.wrong("userId", "each user once").into());
            }
            order.push(user);
        }
        let stay = self.in_room()?;
        if wishes.contains_key(&stay.user) {
            return Err(fields.wrong("subscribeInfos", "others than oneself").into());
        }
        if wishes.is_empty() && self.settings.strict {
            return Err(server::USER_LIST_EMPTY.into()); // R-107, C-10
        }
        let (mut wanted, mut video, mut missing) = (Vec::new(), Vec::new(), None);
        for user in order {
            let (ids, min_height) = &wishes[&user];
            match self.streams_for(&user, ids)? {
                Ok(streams) => {
                    for (key, layers) in streams {
                        video.push(VideoWish { layers, min_height: *min_height, ..VideoWish::of(self.remotes[&key].info.id) });
                        wanted.push((key, layers));
                    }
                }
                Err(code) => missing = missing.or(Some(code)),
            }
        }
        // One user who is gone does not stand in the way of the rest; nobody left to watch does, and nothing changes.
        match missing {
            Some(code) if wanted.is_empty() => Err(code.into()),
            Some(_) | None => Ok(self.ask(Some(Caller::of(call)), session::Call::SubscribeVideo { wanted: video }, Then::Batch { wanted })),
        }
    }

    /// The streams of a user that the ids name, main before shared; without ids the user's highest resolution, which is the camera's where there is one.
    fn streams_for(&self, user: &UserId, ids: &[&str]) -> Result<Result<Vec<(Key, LayerSet)>, VendorCode<'static>>, Wrong> {
        let of = |kind| self.remotes.get(&(user.clone(), kind)).filter(|remote| !remote.info.offer.layers.is_empty());
        let streams: Vec<(Key, &Remote)> = [StreamKind::Main, StreamKind::Aux]
            .into_iter()
            .filter_map(|kind| of(kind).map(|remote| ((user.clone(), kind), remote)))
            .collect();
        let Some((first, _)) = streams.first() else {
            return Ok(Err(if self.others.contains_key(user) { server::VIEWED_USER_MISSING } else { server::USER_MISSING }));
        };
        if ids.is_empty() {
            return Ok(Ok([(first.clone(), LayerSet::HIGHEST)].into()));
        }
        let mut wanted: BTreeMap<Key, LayerSet> = BTreeMap::new();
        for id in ids {
            let found = streams.iter().find_map(|(key, remote)| Some((key, remote.layers(&[*id])?)));
            let (key, layer) = found.ok_or_else(|| Wrong { at: "resolutionIds".to_string(), expected: "ids of that user's streams" })?;
            let layers = wanted.entry(key.clone()).or_insert(LayerSet::EMPTY);
            *layers = layers.union(layer);
        }
        Ok(Ok(wanted.into_iter().collect()))
    }

    /// The list of wanted video was taken: it is the whole of what is received.
    pub(super) fn batch_subscribed(&mut self, wanted: Vec<(Key, LayerSet)>, refused: &[RefusedWish]) {
        for remote in self.remotes.values_mut() {
            remote.video = LayerSet::EMPTY;
        }
        let mut told: Option<UserId> = None;
        for (key, layers) in wanted {
            let Some(remote) = self.remotes.get_mut(&key) else { continue };
            if refused.iter().any(|refused| refused.stream == remote.info.id) {
                continue;
            }
            remote.video = layers;
            remote.was_subscribed = true;
            let data = remote.render();
            // Once for each user; a user's streams follow one another.
            if told.as_ref() != Some(&key.0) {
                self.event("stream-subscribed", data);
            }
            self.tell_muted(&key);
            told = Some(key.0);
        }
    }

    /// A stream of somebody else's, or what is missing.
    fn remote(&self, key: &Key) -> Result<&Remote, VendorCode<'static>> {
        let missing = || if self.others.contains_key(&key.0) { server::VIEWED_USER_MISSING } else { server::USER_MISSING };
        self.remotes.get(key).ok_or_else(missing)
    }
}

impl Remote {
    /// What of the video is left without those layers. The highest, however it was asked for, is the top one.
    fn without(&self, layers: LayerSet) -> LayerSet {
        let top = LayerSet::HIGHEST.highest_of(self.info.offer.layers.len());
        let ends_highest = top.is_some_and(|top| layers.named().any(|layer| layer == top));
        let rest = self.video.without(layers);
        if ends_highest { rest.without(LayerSet::HIGHEST) } else { rest }
    }
}

/// The argument `option` of subscribe and unsubscribe; all where it is left out.
fn parts<'a>(fields: &Fields<'a>) -> Result<Parts<'a>, Wrong> {
    let Some(option) = fields.object_or_none("option")? else {
        return Ok(Parts { audio: true, video: true, ids: Vec::new() });
    };
    let (audio, video, ids) = (option.flag("audio")?, option.flag("video")?, option.texts("resolutionIds")?);
    Ok(Parts { audio, video, ids: if video { ids } else { Vec::new() } })
}

/// The argument `stream`, which must be somebody else's.
fn remote_argument(fields: &Fields<'_>) -> Result<Key, Wrong> {
    let wrong = || fields.wrong("stream", "a stream of somebody else");
    let StreamRef::Remote { user, kind } = fields.stream("stream")? else { return Err(wrong()) };
    Ok((UserId::new(&user).map_err(|_| wrong())?, kind))
}

/// The lowest picture worth having. The vendor prints the names and no sizes: those of common usage (C-11).
fn min_height(info: &Fields<'_>) -> Result<Option<u16>, Wrong> {
    match info.text_or_none("minResolution")? {
        Some("FHD") => Ok(Some(1080)),
        Some("HD") => Ok(Some(720)),
        Some("SD") => Ok(Some(360)),
        Some("LD") | None => Ok(None),
        Some(_) => Err(info.wrong("minResolution", "FHD, HD, SD or LD")),
    }
}
