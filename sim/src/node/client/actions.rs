//! What the user does, when its time has come and what it builds on is answered.

use std::collections::VecDeque;

use greenroom_core::{
    code::Code,
    id::StreamId,
    session::{Call, JoinCall},
    stream::StreamKind,
    time::Instant,
};

use super::{
    super::camera::{self, Camera},
    ClientNode, Standing,
    asks::Asked,
};
use crate::{record::What, scenario::Action};

impl ClientNode {
    pub(super) fn take_actions(&mut self) {
        while self.next_action <= self.now
            && let Some((_, action)) = self.script.pop_front()
        {
            self.next_action = first_action(&self.script);
            match action {
                Action::Leave if self.standing == Standing::Leaving => self.parked.clear(),
                Action::Leave => self.leave(),
                action if self.must_wait() => self.parked.push_back(action),
                action => self.act(action),
            }
        }
    }

    /// Whether an answer is awaited that other actions build on: that the user is in, or out, or which stream it publishes.
    fn must_wait(&self) -> bool {
        let publishing = self.calls.values().any(|asked| matches!(asked, Asked::Publish(_)));
        matches!(self.standing, Standing::Entering | Standing::Leaving) || publishing
    }

    /// An awaited answer has come: what waited for it happens, up to the next one.
    pub(super) fn take_parked(&mut self) {
        while !self.must_wait()
            && let Some(action) = self.parked.pop_front()
        {
            self.act(action);
        }
    }

    fn leave(&mut self) {
        self.parked.clear();
        self.standing = Standing::Leaving;
        self.call(Call::Leave, Asked::Leave);
    }

    fn join(&mut self) {
        self.standing = Standing::Entering;
        self.join_called = self.now;
        self.entry(What::JoinCalled);
        let media = self.fresh_peer();
        let user = &self.config.user;
        let (name, audio_mode) = (user.name.clone(), user.hear.mode());
        let join = JoinCall { name, media, audio_mode, ..JoinCall::new(self.config.room.clone(), user.id.clone(), user.role) };
        self.call(Call::Join(join), Asked::Join);
    }

    fn act(&mut self, action: Action) {
        let own = self.cameras.get(&StreamKind::Main).map(Camera::stream);
        match (action, own) {
            (Action::Publish, _) => {
                self.call(Call::Publish { offer: camera::offer(&self.config.camera) }, Asked::Publish(StreamKind::Main));
            }
            (Action::Share, _) => {
                self.call(Call::Publish { offer: camera::screen_offer(&self.config.screen) }, Asked::Publish(StreamKind::Aux));
            }
            (Action::Unpublish, _) => self.unpublish(StreamKind::Main),
            (Action::Unshare, _) => self.unpublish(StreamKind::Aux),
            (Action::Watch(watch), _) => self.watch_instead(watch),
            (Action::SwitchRole(role), _) => self.call(Call::SwitchRole { role, credential: None }, Asked::SwitchRole(role)),
            (Action::Mute { audio, video }, Some(stream)) => self.mute(stream, audio, video, true),
            (Action::Unmute { audio, video }, Some(stream)) => self.mute(stream, audio, video, false),
            (Action::Mute { .. } | Action::Unmute { .. }, None) => {
                self.entry(What::Failed { call: "mute", code: Code::NO_SUCH_STREAM });
            }
            (Action::Join, _) => self.join(),
            (Action::Leave, _) => self.leave(),
        }
    }

    fn unpublish(&mut self, kind: StreamKind) {
        match self.cameras.get(&kind).map(Camera::stream) {
            Some(stream) => self.call(Call::Unpublish { stream }, Asked::Unpublish(kind)),
            None => self.entry(What::Failed { call: "unpublish", code: Code::NO_SUCH_STREAM }),
        }
    }

    fn mute(&mut self, stream: StreamId, audio: bool, video: bool, muted: bool) {
        let (audio, video) = (audio.then_some(muted), video.then_some(muted));
        if let Some(camera) = self.camera_of(stream) {
            camera.set_muted(audio, video);
        }
        self.call(Call::Mute { stream, audio, video }, Asked::Mute);
    }
}

/// When the first action is to be taken; [`Instant::MAX`] where there is none.
pub(super) fn first_action(script: &VecDeque<(Instant, Action)>) -> Instant {
    script.front().map_or(Instant::MAX, |(at, _)| *at)
}
