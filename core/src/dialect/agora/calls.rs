//! What the application calls.

use serde_json::Value;

use super::{
    Client, ClientCall, Effect, Life, Local, Operation, Pending, StreamCall, args,
    news::uid,
    stream::{Capture, LocalStream, Publication},
};
use crate::{
    code::{agora::error, vendor::VendorCode},
    dialect::{StreamRef, VendorCall},
    id::StreamId,
    limits,
    role::Role,
    session::{self, Call, JoinCall},
    stream::{LayerSet, TrackKind},
    wire::AudioMode,
};

/// What becomes of a call.
enum Step {
    /// It is answered at once.
    Answer(Value),
    /// The session has to do something first.
    Ask(Call, Effect),
    /// Somebody answers later, or has answered already.
    Later,
}

/// A call's step, or the error that it is answered with.
type Taken = Result<Step, VendorCode<'static>>;

const DONE: Step = Step::Answer(Value::Null);

impl Client {
    /// Does what a call says that has been understood.
    pub(super) fn obey(&mut self, operation: Operation, call: VendorCall) {
        let taken = match operation {
            Operation::CreateRtcClient => self.create_client(),
            Operation::CreateStream => self.create_stream(&call),
            Operation::Client(operation) => self.obey_client(operation, &call),
            Operation::Stream(operation) => self.obey_stream(operation, &call),
        };
        match taken {
            Ok(Step::Answer(value)) => self.answer(call.call, call.on, Ok(value)),
            Ok(Step::Ask(ask, effect)) => {
                let id = self.number();
                if let Effect::Publish { local } = &effect
                    && let Some(local) = self.locals.get_mut(&local.name)
                {
                    local.publication = Publication::Asked { call: id };
                }
                self.pending.insert(id, Pending { call: call.call, on: call.on, effect });
                self.tell(session::Input::Call { id, call: ask });
            }
            Ok(Step::Later) => {}
            Err(code) => self.answer(call.call, call.on, Err(code)),
        }
    }

    /// One client object at a time: the seed prints no code, and 1 is the one for what has no better.
    fn create_client(&mut self) -> Taken {
        match self.life {
            Life::Unmade | Life::Closed => {
                self.life = Life::Created;
                Ok(DONE)
            }
            Life::Created | Life::Ready { .. } => Err(error::FAILED),
        }
    }

    fn obey_client(&mut self, operation: ClientCall, call: &VendorCall) -> Taken {
        if self.life == Life::Unmade {
            self.life = Life::Created; // a page that does not say when it makes its client makes it now
        }
        match operation {
            ClientCall::Init => self.init(call),
            ClientCall::Join => self.join(call),
            ClientCall::RenewChannelKey => {
                self.app()?;
                let credential = args::channel_key(&call.args)?;
                Ok(Step::Ask(Call::Renew { credential }, Effect::Renew))
            }
            ClientCall::Leave => {
                self.app()?;
                Ok(Step::Ask(Call::Leave, Effect::Leave))
            }
            ClientCall::Publish => self.publish(call),
            ClientCall::Unpublish => self.unpublish(call),
            ClientCall::Subscribe => {
                let stream = self.remote_argument(call)?;
                let call = Call::Subscribe { stream, audio: true, video: true, layers: LayerSet::HIGHEST, min_height: None };
                Ok(Step::Ask(call, Effect::Subscribe { stream }))
            }
            ClientCall::Unsubscribe => {
                let stream = self.remote_argument(call)?;
                Ok(Step::Ask(Call::Unsubscribe { stream, audio: true, video: true, layers: None }, Effect::Unsubscribe { stream }))
            }
            ClientCall::Close => self.close(call),
            // Handlers are the application's own. Registering one uses nothing that `init` provides, but a closed object takes none.
            ClientCall::On => {
                if self.life == Life::Closed {
                    return Err(error::NOT_INITIALIZED);
                }
                args::event(&call.args).map(|_| DONE)
            }
            ClientCall::Later => self.app().map(|_| DONE), // never ready, or it would not have been understood
        }
    }

    /// Binds the App ID, if the agent can be reached and is new enough and nobody else uses it. What fails can be tried again.
    fn init(&mut self, call: &VendorCall) -> Taken {
        match self.life {
            Life::Unmade | Life::Created => {}
            Life::Ready { .. } => return Err(error::FAILED), // a mistake of the sort of R-007
            Life::Closed => return Err(error::NOT_INITIALIZED),
        }
        let app = args::app_id(&call.args)?;
        if let Some(code) = self.agent_failed() {
            return Err(code);
        }
        if self.host.other_instance {
            self.fault(error::ALREADY_IN_USE);
            return Err(error::ALREADY_IN_USE);
        }
        self.life = Life::Ready { app };
        Ok(DONE)
    }

    fn join(&mut self, call: &VendorCall) -> Taken {
        let app = self.app()?.clone();
        if !self.outside() {
            return Err(error::JOIN_CHANNEL_REJECTED);
        }
        let args::JoinArgs { room, user, credential } = args::join(&call.args)?;
        // Agora has no audience: whoever is in may publish.
        let join = JoinCall {
            app: Some(app),
            room,
            user,
            name: None,
            role: Role::Joiner,
            media: None,
            credential,
            relay: false,
            audio_mode: AudioMode::Subscribed,
        };
        Ok(Step::Ask(Call::Join(join), Effect::Join))
    }

    fn publish(&mut self, call: &VendorCall) -> Taken {
        self.app()?;
        let (local, stream) = self.local_argument(call)?;
        match stream.capture {
            Capture::Created | Capture::Running { .. } => return Err(error::NOT_READY),
            Capture::Closed => return Err(error::INVALID_ARGUMENT),
            Capture::Initialised => {}
        }
        if stream.publication != Publication::None {
            return Err(error::ALREADY_IN_USE);
        }
        Ok(Step::Ask(Call::Publish { offer: stream.offer() }, Effect::Publish { local }))
    }

    fn unpublish(&mut self, call: &VendorCall) -> Taken {
        self.app()?;
        let (local, stream) = self.local_argument(call)?;
        let stream = stream.published().ok_or(error::INVALID_ARGUMENT)?;
        Ok(Step::Ask(Call::Unpublish { stream }, Effect::Unpublish { local }))
    }

    /// Ends the object: what it still had to answer is answered now, the others hear at once that the user left, and a session of its own waits for the next object.
    fn close(&mut self, call: &VendorCall) -> Taken {
        if self.life == Life::Closed {
            return Err(error::NOT_INITIALIZED);
        }
        self.life = Life::Closed;
        if !self.outside() {
            let id = self.number(); // its answer is nobody's
            self.tell(session::Input::Call { id, call: Call::Leave });
        }
        for pending in core::mem::take(&mut self.pending).into_values() {
            let result = match pending.effect {
                Effect::Leave => Ok(Value::Null), // the user has left indeed
                Effect::Join
                | Effect::Renew
                | Effect::Publish { .. }
                | Effect::Unpublish { .. }
                | Effect::Subscribe { .. }
                | Effect::Unsubscribe { .. }
                | Effect::Mute { .. } => Err(error::FAILED),
            };
            self.answer(pending.call, pending.on, result);
        }
        if let Some(open) = self.connections.open {
            self.hang_up(open);
        }
        self.forget_channel();
        self.connections.before = self.connections.last;
        self.session = session::Session::new(self.now, self.settings.session.clone());
        self.answer(call.call.clone(), None, Ok(Value::Null));
        Ok(Step::Later)
    }

    /// Makes a local stream object. One that is not named can never be used, so it is not kept; a name that is given again lets go of what it named.
    fn create_stream(&mut self, call: &VendorCall) -> Taken {
        let spec = args::spec(&call.args)?;
        let Some(name) = &call.bind else { return Ok(DONE) };
        if self.locals.len() >= limits::LOCAL_STREAMS && !self.locals.contains_key(name) {
            return Err(error::FAILED);
        }
        self.close_stream(name);
        let before = self.locals.remove(name);
        self.next_serial = self.next_serial.wrapping_add(1);
        self.locals.insert(name.clone(), LocalStream::new(self.next_serial, spec));
        if let Some(stream) = before.and_then(|stream| stream.published()) {
            let id = self.number(); // its answer is nobody's
            self.tell(session::Input::Call { id, call: Call::Unpublish { stream } });
        }
        Ok(DONE)
    }

    fn obey_stream(&mut self, operation: StreamCall, call: &VendorCall) -> Taken {
        match &call.on {
            Some(StreamRef::Local(name)) => self.obey_local(operation, name, call),
            Some(remote @ StreamRef::Remote { .. }) => {
                let stream = self.remote(remote).ok_or(error::INVALID_ARGUMENT)?;
                match operation {
                    // A remote stream is made and ended within the SDK: there is nothing to do.
                    StreamCall::Init | StreamCall::Close => Ok(DONE),
                    StreamCall::GetId => Ok(Step::Answer(self.remotes.get(&stream).map_or(Value::Null, |remote| uid(&remote.info.user)))),
                    // Only one's own media can be switched off, or be given a size.
                    StreamCall::Switch { .. } | StreamCall::SetVideoProfile => Err(error::NOT_SUPPORTED),
                }
            }
            None => Err(error::INVALID_ARGUMENT),
        }
    }

    fn obey_local(&mut self, operation: StreamCall, name: &str, call: &VendorCall) -> Taken {
        let outside = self.outside();
        let local = self.locals.get_mut(name).ok_or(error::INVALID_ARGUMENT)?;
        match operation {
            StreamCall::GetId => {
                let own = self.user.as_ref().map_or(Value::Null, uid);
                Ok(Step::Answer(local.spec.id.map_or(own, Value::from)))
            }
            StreamCall::Close => {
                self.close_stream(name);
                Ok(DONE)
            }
            StreamCall::Init | StreamCall::Switch { .. } | StreamCall::SetVideoProfile if local.capture == Capture::Closed => {
                Err(error::INVALID_ARGUMENT)
            }
            StreamCall::Init => match local.capture {
                Capture::Created => {
                    self.capture(name);
                    Ok(Step::Later)
                }
                Capture::Running { .. } => Err(error::NOT_READY),
                Capture::Initialised | Capture::Closed => Ok(DONE),
            },
            StreamCall::Switch { track, off } => {
                if !local.has(track) {
                    return Err(error::INVALID_ARGUMENT);
                }
                let Some(stream) = local.published() else {
                    local.set_off(track, off); // and as soon as it is published, the others hear of it
                    return Ok(DONE);
                };
                let (audio, video) = match track {
                    TrackKind::Audio => (Some(off), None),
                    TrackKind::Video => (None, Some(off)),
                };
                let local = Local { name: name.into(), serial: local.serial };
                Ok(Step::Ask(Call::Mute { stream, audio, video }, Effect::Mute { local, track, off }))
            }
            StreamCall::SetVideoProfile => {
                if !outside {
                    return Err(error::INVALID_ARGUMENT);
                }
                let profile = args::profile(&call.args)?;
                local.profile = profile;
                if profile.is_beyond_recommendation() {
                    self.notice("beyond-recommendation", serde_json::json!({ "profile": profile.name }));
                }
                Ok(DONE)
            }
        }
    }

    /// Frees a local stream's devices, and takes the stream off the page. What waits for the devices waits no longer.
    fn close_stream(&mut self, name: &str) {
        let Some(local) = self.locals.get_mut(name) else { return };
        match core::mem::replace(&mut local.capture, Capture::Closed) {
            Capture::Created | Capture::Closed => {}
            Capture::Initialised => self.release(name, None),
            Capture::Running { .. } => {
                self.release(name, None);
                self.init_answered(name, Err(error::FAILED));
            }
        }
    }

    /// The local stream that the argument `stream` names.
    fn local_argument(&self, call: &VendorCall) -> Result<(Local, &LocalStream), VendorCode<'static>> {
        match args::stream(&call.args)? {
            StreamRef::Local(name) => {
                let stream = self.locals.get(&name).ok_or(error::INVALID_ARGUMENT)?;
                Ok((Local { name, serial: stream.serial }, stream))
            }
            StreamRef::Remote { .. } => Err(error::INVALID_ARGUMENT),
        }
    }

    /// The stream of somebody else that the argument `stream` names. Outside of a channel there are none.
    fn remote_argument(&self, call: &VendorCall) -> Result<StreamId, VendorCode<'static>> {
        self.app()?;
        self.remote(&args::stream(&call.args)?).ok_or(error::INVALID_ARGUMENT)
    }

    fn remote(&self, named: &StreamRef) -> Option<StreamId> {
        match named {
            StreamRef::Local(_) => None,
            StreamRef::Remote { user, kind } => {
                let is_it = |remote: &super::Remote| remote.info.user.as_str() == user && remote.info.offer.kind == *kind;
                self.remotes.iter().find(|(_, remote)| is_it(remote)).map(|(id, _)| *id)
            }
        }
    }
}
