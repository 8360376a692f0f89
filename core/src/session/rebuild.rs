//! Building up again what stood, in a stay that began during an interruption.
//!
//! A server that keeps the stay no longer lets the session in as a newcomer. The session then publishes again what it published, muted as it was, and subscribes again to
//! what it received, where those streams still are. While it does so it counts as reconnecting: the application's numbers of its own streams are not good any more, and the
//! new ones are not known yet. Once all is answered, the application hears at one stroke that the connection is back, what it missed ([`RoomView`]s are compared), and what
//! has become of its streams and subscriptions.
//!
//! A connection that breaks on the way leaves half of it in the server's hands. The next attempt goes on with the stay that has begun, and asks again for what is missing;
//! to subscribe twice does no harm.

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};

use super::{
    ConnectionId, Event, Session,
    phase::{Link, Phase},
    reconnect::Attempt,
    room_view::RoomView,
};
use crate::{
    code::Code,
    id::{RequestId, StreamId},
    role::Role,
    stream::{StreamInfo, StreamKind},
    time::Instant,
    wire::{Accepted, ClientMessage, MemberInfo, ServerMessage},
};

/// What stands again, and what does not yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Rebuild {
    pub(super) connection: ConnectionId,
    /// How long all of it may take.
    pub(super) until: Instant,
    /// The room, as the new stay sees it.
    fresh: RoomView,
    /// What waits for its answer.
    asked: BTreeMap<RequestId, ClientMessage>,
    /// What is published no longer, and why.
    unpublished: BTreeMap<StreamKind, Code>,
    /// What is received no longer, and why.
    unsubscribed: BTreeMap<StreamId, Code>,
}

impl Rebuild {
    /// How many members and streams it holds.
    pub(super) fn len(&self) -> usize {
        self.fresh.others.len()
    }

    fn refused(&mut self, asked: ClientMessage, code: Code) {
        match asked {
            ClientMessage::Publish { offer } => drop(self.unpublished.insert(offer.kind, code)),
            ClientMessage::Subscribe { stream, .. } => drop(self.unsubscribed.insert(stream, code)),
            _ => {} // to mute a stream that is there no longer: its end is told; or a bound, which no server refuses
        }
    }
}

impl Session {
    /// Let in: asks for all that is missing.
    pub(super) fn rebuild(&mut self, role: Role, members: Vec<MemberInfo>, streams: Vec<StreamInfo>) {
        let Phase::Reconnecting { attempt, view, .. } = &self.phase else { return };
        let Some(connection) = attempt.connection() else { return };
        let mut fresh = RoomView::new(view.join.clone(), view.user.clone(), view.member, role, members, streams);
        let mut unpublished = BTreeMap::new();
        let mut missing = Vec::new();
        for own in view.own.values() {
            let kind = own.offer.kind;
            if let Some((stream, _)) = fresh.own_of(kind) {
                missing.extend(mute_as_before(view, &fresh, stream));
            } else if role.may_publish() {
                missing.push(ClientMessage::Publish { offer: own.offer.clone() });
            } else {
                unpublished.insert(kind, Code::ROLE_FORBIDS);
            }
        }
        let unknown: Vec<_> = fresh.own.iter().filter(|(_, own)| view.own_of(own.offer.kind).is_none()).map(|(id, _)| *id).collect();
        let received = view.subscriptions.iter().filter(|(stream, _)| fresh.others.share(&view.others, **stream));
        missing.extend(received.map(|(stream, subscription)| {
            let mut subscription = subscription.clone();
            subscription.follow(view.others.stream(*stream), fresh.others.stream(*stream));
            subscription.request(*stream)
        }));

        missing.extend(view.max_bps.map(|bps| ClientMessage::LimitBandwidth { max_bps: Some(bps) }));

        for stream in unknown {
            fresh.own.remove(&stream);
            self.send(connection, ClientMessage::Unpublish { stream });
        }
        let asked = missing.into_iter().map(|message| (self.send(connection, message.clone()), message)).collect();
        let until = self.now.saturating_add(self.config.response_timeout);
        let rebuild = Rebuild { connection, until, fresh, asked, unpublished, unsubscribed: BTreeMap::new() };
        self.set_attempt(Attempt::Rebuilding(Box::new(rebuild)));
        self.rebuilt();
    }

    /// The server says something while what stood is being asked for again.
    pub(super) fn received_rebuilding(&mut self, message: ServerMessage) {
        let Phase::Reconnecting { attempt: Attempt::Rebuilding(rebuild), view, .. } = &mut self.phase else {
            return;
        };
        match message {
            ServerMessage::Accepted { request, accepted } => {
                let Some(asked) = rebuild.asked.remove(&request) else { return };
                let published = match accepted {
                    Accepted::Published { stream } => Some(stream),
                    _ => None,
                };
                if let Err(code) = rebuild.fresh.grant(asked.clone(), accepted) {
                    rebuild.refused(asked, code);
                } else if let Some(message) = published.and_then(|stream| mute_as_before(view, &rebuild.fresh, stream)) {
                    let connection = rebuild.connection;
                    let request = self.send(connection, message.clone());
                    self.asked_again(request, message);
                }
            }
            ServerMessage::Refused { request, code } => {
                let Some(asked) = rebuild.asked.remove(&request) else { return };
                rebuild.refused(asked, code);
            }
            ServerMessage::Removed { code } => return self.removed(code),
            // The media transport does not wait for the rest.
            media @ ServerMessage::Media { .. } => {
                let news = view.apply(media);
                return self.events(news);
            }
            ServerMessage::Closing { .. } | ServerMessage::Pong | ServerMessage::Unknown => {}
            news @ (ServerMessage::PeerJoined { .. }
            | ServerMessage::PeerLeft { .. }
            | ServerMessage::PeerRenamed { .. }
            | ServerMessage::StreamAdded { .. }
            | ServerMessage::StreamUpdated { .. }
            | ServerMessage::StreamRemoved { .. }
            | ServerMessage::StreamMuted { .. }
            | ServerMessage::VideoNeeded { .. }
            | ServerMessage::KeyRefused { .. }
            | ServerMessage::Volumes { .. }) => drop(rebuild.fresh.apply(news)), // told at the end, as part of the difference
        }
        self.rebuilt();
    }

    fn asked_again(&mut self, request: RequestId, message: ClientMessage) {
        if let Phase::Reconnecting { attempt: Attempt::Rebuilding(rebuild), .. } = &mut self.phase {
            rebuild.asked.insert(request, message);
        }
    }

    /// If everything is answered, the session is back.
    fn rebuilt(&mut self) {
        let Phase::Reconnecting { attempt: Attempt::Rebuilding(rebuild), view, away } = &self.phase else {
            return;
        };
        if !rebuild.asked.is_empty() {
            return;
        }
        let mut news = rebuild.fresh.others.news_since(&view.others);
        for (before, own) in &view.own {
            let kind = own.offer.kind;
            let refusal = rebuild.unpublished.get(&kind).copied().unwrap_or(Code::NO_SUCH_STREAM);
            let now = rebuild.fresh.own_of(kind).map(|(stream, _)| stream).ok_or(refusal);
            news.push(Event::Republished { before: *before, now });
        }
        let lost = rebuild.unsubscribed.iter().filter(|(stream, _)| rebuild.fresh.others.stream(**stream).is_some());
        news.extend(lost.map(|(stream, code)| Event::Unsubscribed { stream: *stream, code: *code }));
        let needed = rebuild.fresh.own.iter().filter_map(|(stream, own)| Some((*stream, own.video_needed?)));
        news.extend(needed.map(|(stream, (needed, up_to))| Event::VideoNeeded { stream, needed, up_to }));
        news.extend(rebuild.fresh.key_refused.map(|code| Event::KeyRefused { code }));

        if rebuild.fresh.voices != view.voices {
            news.push(Event::Volumes { voices: rebuild.fresh.voices.clone() });
        }
        let after = self.now.saturating_since(away.since);
        let link = Link::new(self.now, rebuild.connection, &self.config);
        let view = RoomView { media: view.media.clone(), quality: view.quality.clone(), ..rebuild.fresh.clone() };
        self.event(Event::Restored { after });
        self.enter(Phase::Joined { link, view });
        self.watch_anew();
        self.events(news);
    }
}

/// The request that mutes a stream of one's own as it was muted before, where it is not.
fn mute_as_before(before: &RoomView, fresh: &RoomView, stream: StreamId) -> Option<ClientMessage> {
    let now = fresh.own.get(&stream)?;
    let (_, known) = before.own_of(now.offer.kind)?;
    let (audio, video) = known.muted();
    (known.muted() != now.muted()).then_some(ClientMessage::Mute { stream, audio: Some(audio), video: Some(video) })
}
