//! Publishing local streams, and telling the room what became of them.

use alloc::{string::String, vec::Vec};

use serde_json::Value;

use super::{
    Caller, Client, Failure, Reply, Then,
    arguments::{Fields, Wrong},
    streams::{Muted, Phase, Published},
};
use crate::{
    code::sparkrtc::client,
    dialect::{HostOrder, StreamRef, VendorCall},
    id::StreamId,
    session::{self, ConnectionState},
    stream::TrackKind,
};

impl Client {
    pub(super) fn publish(&mut self, call: &VendorCall) -> Result<Reply, Failure> {
        let fields = Fields::of(&call.args);
        let name = self.local_argument(&fields)?;
        let option = fields.object_or_none("option")?;
        let on_demand = !option.map_or(Ok(false), |option| option.flag("autoPushVideo"))?;
        if !self.in_room()?.role.may_publish() {
            return Err(client::ROLE_NO_PERMISSION.into());
        }
        let kind = self.local(&name, "stream")?.sources.kind;
        // One stream of each kind; the stream itself counts, too.
        if self.streams.values().any(|other| other.sources.kind == kind && other.published != Published::No) {
            return Err(client::INVALID_OPERATION.into());
        }
        let local = self.local(&name, "stream")?;
        let Some(offer) = local.offer(on_demand).filter(|_| local.phase == Phase::Initialised) else {
            return Err(client::INVALID_OPERATION.into());
        };
        local.published = Published::Asked { sent: offer.clone() };
        if core::mem::take(&mut local.released) {
            self.capture_again(&name);
        }
        Ok(self.ask(Some(Caller::of(call)), session::Call::Publish { offer }, Then::Publish { stream: name, on_demand }))
    }

    pub(super) fn unpublish(&mut self, call: &VendorCall) -> Result<Reply, Failure> {
        let name = self.local_argument(&Fields::of(&call.args))?;
        self.in_room()?;
        match &mut self.local(&name, "stream")?.published {
            Published::Yes { stream, ending: ending @ false, .. } => {
                *ending = true;
                let stream = *stream;
                Ok(self.ask(Some(Caller::of(call)), session::Call::Unpublish { stream }, Then::Unpublish { stream: name }))
            }
            Published::Yes { .. } | Published::Asked { .. } | Published::No => Err(client::INVALID_OPERATION.into()),
        }
    }

    /// The room has taken the stream.
    pub(super) fn published(&mut self, name: &str, stream: StreamId, on_demand: bool) {
        let Some(local) = self.streams.get_mut(name) else { return };
        let Published::Asked { sent } = &local.published else {
            // It was closed, or the role was lost, while the server was asked.
            self.quietly(session::Call::Unpublish { stream }, Then::Unpublish { stream: String::new() });
            return;
        };
        let sent = Some(sent.clone());
        local.published = Published::Yes { stream, on_demand, sent, told: Some(Muted::default()), ending: false };
        if !on_demand && local.has(TrackKind::Video) {
            self.order(HostOrder::SendVideo { stream: name.into(), on: true, up_to: None });
        }
        self.sync(name, None);
        self.sync_muted(name);
    }

    pub(super) fn unpublished(&mut self, name: &str) {
        if let Some(local) = self.streams.get_mut(name) {
            local.published = Published::No;
        }
    }

    /// Nothing is published any more: the stay is over, or the role was lost. The streams stay initialised.
    pub(super) fn withdraw_all(&mut self) {
        for local in self.streams.values_mut() {
            local.published = Published::No;
        }
    }

    /// Tells the room what the stream holds now, where it does not know. A call that changed it returns `value` when that is done.
    pub(super) fn sync(&mut self, name: &str, call: Option<(&VendorCall, Value)>) -> Reply {
        let now = |call: Option<(&VendorCall, Value)>| Reply::Now(call.map_or(Value::Null, |(_, value)| value));
        let connected = self.state == ConnectionState::Connected;
        let Some(local) = self.streams.get_mut(name) else { return now(call) };
        let Published::Yes { on_demand, .. } = local.published else { return now(call) };
        let offer = local.offer(on_demand);
        let Published::Yes { stream, sent, ending: false, .. } = &mut local.published else { return now(call) };
        let Some(offer) = offer else { return now(call) };
        if sent.as_ref() == Some(&offer) {
            return now(call);
        }
        if !connected {
            *sent = None; // told when the link is back
            return now(call);
        }
        *sent = Some(offer.clone());
        let update = session::Call::Update { stream: *stream, offer };
        let (caller, value) = call.map_or((None, Value::Null), |(call, value)| (Some(Caller::of(call)), value));
        self.ask(caller, update, Then::Republish { stream: name.into(), value })
    }

    /// Makes the room be told anew, although the stream holds what it held: another track took a track's place.
    pub(super) fn sync_anew(&mut self, name: &str, call: Option<(&VendorCall, Value)>) -> Reply {
        if let Some(Published::Yes { sent, .. }) = self.streams.get_mut(name).map(|local| &mut local.published) {
            *sent = None;
        }
        self.sync(name, call)
    }

    /// Tells the room what is muted, where it does not know.
    pub(super) fn sync_muted(&mut self, name: &str) {
        let connected = self.state == ConnectionState::Connected;
        let Some(local) = self.streams.get_mut(name) else { return };
        let (muted, has) = (local.muted, (local.has(TrackKind::Audio), local.has(TrackKind::Video)));
        let Published::Yes { stream, told, ending: false, .. } = &mut local.published else { return };
        if *told == Some(muted) {
            return;
        }
        *told = connected.then_some(muted);
        if connected {
            let mute = session::Call::Mute { stream: *stream, audio: has.0.then_some(muted.audio), video: has.1.then_some(muted.video) };
            self.quietly(mute, Then::Mute { stream: name.into() });
        }
    }

    /// The link is back: whatever was cut short is told again.
    pub(super) fn catch_up(&mut self) {
        let names: Vec<String> = self.streams.keys().cloned().collect();
        for name in names {
            self.sync(&name, None);
            self.sync_muted(&name);
        }
        self.sync_bandwidth();
    }

    /// Ends the publication of a stream that the application closed.
    pub(super) fn withdraw(&mut self, name: &str) {
        let Some(local) = self.streams.get_mut(name) else { return };
        if let Published::Yes { stream, ending: false, .. } = core::mem::replace(&mut local.published, Published::No) {
            self.quietly(session::Call::Unpublish { stream }, Then::Unpublish { stream: String::new() });
        }
    }

    /// Asks without anybody waiting for the answer.
    pub(super) fn quietly(&mut self, call: session::Call, then: Then) {
        self.ask(None, call, then);
    }

    /// The argument `stream`, which must be a local stream that was created.
    fn local_argument(&mut self, fields: &Fields<'_>) -> Result<String, Wrong> {
        let StreamRef::Local(name) = fields.stream("stream")? else { return Err(fields.wrong("stream", "a local stream")) };
        self.local(&name, "stream")?;
        Ok(name)
    }
}
