//! What a user asked for, and what became of it: answers, and what is asked for again after a lost connection.

use greenroom_core::{
    code::{Code, Kind},
    id::StreamId,
    role::Role,
    session::{Answer, Call, CallId},
    stream::StreamKind,
    wire::RefusedWish,
};

use super::{ClientConfig, ClientNode, Standing};
use crate::{
    node::{camera::Camera, voice::Speech},
    record::{StreamName, What},
};

/// What a call was for, so that its answer can be told.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    Join,
    Leave,
    Publish(StreamKind),
    Unpublish(StreamKind),
    Subscribe(StreamId, StreamName),
    /// The audio of a stream whose video is asked for in a list.
    Hear(StreamId),
    Unhear,
    /// The videos of a list: those that were in none before, and what was watched before and is not in it.
    Videos {
        new: Vec<StreamName>,
        gone: Vec<StreamName>,
    },
    Mute,
    SwitchRole(Role),
    Media,
}

impl Asked {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Leave => "leave",
            Self::Publish(_) => "publish",
            Self::Unpublish(_) => "unpublish",
            Self::Subscribe(..) | Self::Hear(_) => "subscribe",
            Self::Unhear => "unsubscribe",
            Self::Videos { .. } => "subscribe_video",
            Self::Mute => "mute",
            Self::SwitchRole(_) => "switch_role",
            Self::Media => "media",
        }
    }

    /// What is still owed if the connection takes the call away. Other calls are the user's to repeat.
    const fn owes(&self) -> Option<Owed> {
        match self {
            Self::Media => Some(Owed::Transport),
            Self::Mute => Some(Owed::Mute),
            Self::Subscribe(stream, _) | Self::Hear(stream) => Some(Owed::Subscription(*stream)),
            Self::Videos { .. } => Some(Owed::Videos),
            Self::Join | Self::Leave | Self::Publish(_) | Self::Unpublish(_) | Self::SwitchRole(_) | Self::Unhear => None,
        }
    }
}

/// What the user still wants and a lost connection kept from the server: asked for again as soon as the connection is back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owed {
    /// Another media transport.
    Transport,
    /// What is muted of its own stream. The camera obeys at once, so the room must hear of it.
    Mute,
    /// A stream to watch.
    Subscription(StreamId),
    /// The list of videos.
    Videos,
}

impl ClientNode {
    pub(super) fn answered(&mut self, id: CallId, result: Result<Answer, Code>) {
        let Some(asked) = self.calls.remove(&id) else { return };
        let answer = match result {
            Ok(answer) => answer,
            // The connection is lost, or about to be: what the user goes on wanting is asked for again when it is back.
            Err(code) if matches!(self.standing, Standing::Inside { .. }) && code.kind() == Kind::Network && asked.owes().is_some() => {
                self.owed.extend(asked.owes());
                return;
            }
            Err(code) => {
                self.entry(What::Failed { call: asked.name(), code });
                match asked {
                    // Otherwise the user is on its way out again.
                    Asked::Join if self.standing == Standing::Entering => self.out_of_room(),
                    Asked::Leave => self.out_of_room(),
                    Asked::Publish(_) => self.take_parked(),
                    _ => {}
                }
                return;
            }
        };
        match (asked, answer) {
            (Asked::Join, Answer::Joined { role, .. }) => {
                self.standing = Standing::Inside { role };
                self.stay = self.session.member();
                self.entry(What::Joined { role });
                self.take_parked();
            }
            (Asked::Publish(kind), Answer::Published { stream }) => {
                let ClientConfig { camera, screen, fidelity, seed, user, .. } = &self.config;
                let owner = user.id.as_str();
                let camera = match kind {
                    StreamKind::Main => {
                        let speech = user.voice.map(|voice| Speech::new(voice, *seed, owner));
                        Camera::new(self.now, camera, stream, *fidelity, *seed, owner).with_speech(speech)
                    }
                    StreamKind::Aux => Camera::sharing(self.now, screen, stream, *fidelity, *seed, owner),
                };
                self.cameras.insert(kind, camera);
                self.send_tracks();
                let stream = self.own_stream(kind);
                self.entry(What::Published { stream });
                self.take_parked();
            }
            (Asked::Unpublish(kind), Answer::Done) => {
                self.stop_camera(kind);
                let stream = self.own_stream(kind);
                self.entry(What::Unpublished { stream });
            }
            (Asked::Subscribe(_, stream), Answer::Done) => self.entry(What::Subscribed { stream }),
            (Asked::Videos { new, gone }, Answer::Subscribed { refused }) => {
                for RefusedWish { code, .. } in refused {
                    self.entry(What::Failed { call: "subscribe_video", code });
                }
                for stream in gone {
                    self.entry(What::Unsubscribed { stream });
                }
                for stream in new {
                    self.entry(What::Subscribed { stream });
                }
            }
            (Asked::SwitchRole(role), Answer::Done) => self.take_role(role),
            (Asked::Leave, _) => {
                self.entry(What::Left);
                self.out_of_room();
            }
            (Asked::Mute | Asked::Media | Asked::Hear(_) | Asked::Unhear, _) => {}
            (asked, answer) => unreachable!("a session answers {} with {answer:?}", asked.name()),
        }
    }

    fn take_role(&mut self, role: Role) {
        self.standing = Standing::Inside { role };
        if !role.may_publish() {
            self.stop_cameras();
        }
        self.entry(What::RoleChanged { role });
    }

    /// The server had the stay no longer, and let the user in anew: it knows nothing of the transport that was. (What was published and watched is told by what follows.)
    pub(super) fn begin_anew(&mut self) {
        self.stay = self.session.member();
        if let (Standing::Inside { role: told }, Some(role)) = (self.standing, self.session.role())
            && role != told
        {
            self.take_role(role);
        }
        // A publisher's transport is made anew with the stream's number, which follows.
        if self.cameras.is_empty() {
            self.owed.insert(Owed::Transport);
        }
    }

    /// A stream of the user's own has another number in a stay that began anew, or is published no longer.
    pub(super) fn republished(&mut self, before: StreamId, now: Result<StreamId, Code>) {
        let Some((&kind, camera)) = self.cameras.iter_mut().find(|(_, camera)| camera.stream() == before) else { return };
        if let Ok(stream) = now {
            camera.set_stream(stream);
            self.replace_transport(); // its tracks are named after the stream
        } else {
            self.stop_camera(kind);
            let stream = self.own_stream(kind);
            self.entry(What::Unpublished { stream });
        }
    }

    /// The connection is back. What the server granted while its answer was lost on the way is told now.
    pub(super) fn catch_up(&mut self) {
        if let (Standing::Inside { role: told }, Some(role)) = (self.standing, self.session.role())
            && role != told
        {
            self.take_role(role);
        }
        let published = |stream| self.session.own_streams().any(|(id, _)| id == stream);
        let withdrawn = self.cameras.iter().filter(|(_, camera)| !published(camera.stream())).map(|(kind, _)| *kind);
        for kind in withdrawn.collect::<Vec<_>>() {
            self.stop_camera(kind);
            let stream = self.own_stream(kind);
            self.entry(What::Unpublished { stream });
        }
    }

    pub(super) fn ask_again(&mut self, owed: Owed) {
        match owed {
            Owed::Transport => self.replace_transport(),
            Owed::Mute => {
                if let Some(camera) = self.cameras.get(&StreamKind::Main) {
                    let (audio, video) = camera.muted();
                    self.call(Call::Mute { stream: camera.stream(), audio: Some(audio), video: Some(video) }, Asked::Mute);
                }
            }
            Owed::Subscription(stream) => {
                if self.session.streams().any(|known| known.id == stream) {
                    self.subscribe(stream);
                }
            }
            Owed::Videos => self.list_due = true,
        }
    }
}
