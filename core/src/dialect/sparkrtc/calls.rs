//! The calls of the client object that are about the client itself: making it, entering and leaving, role, name, credential, handlers.

use serde_json::{Value, json};

use super::{
    Caller, Client, Failure, LogLevel, Object, Reply, Then,
    arguments::{Fields, Wrong},
    capabilities::Direction,
    codes, events, names,
    streams::{LocalStream, Origin, Published, Sources},
};
use crate::{
    code::sparkrtc::client,
    dialect::{Source, StreamRef, VendorCall},
    id::{AppId, UserName},
    limits,
    region::{Case, Group},
    session::{self, ConnectionState, JoinCall},
    stream::{StreamKind, TrackKind},
};

/// Longest domain, in characters.
const DOMAIN_CHARS: usize = 128;

impl Client {
    pub(super) fn client_call(&mut self, call: &VendorCall) -> Result<Reply, Failure> {
        match call.call.as_str() {
            "createClient" => self.create_client(call),
            "createStream" => self.create_stream(call),
            "setLogLevel" => self.set_log_level(call),
            "VERSION" => {
                Ok(Reply::Now(env!("CARGO_PKG_VERSION").into()))
            }
            "checkSystemRequirements" => self.check_system_requirements(call),
            // Everything below is a method of the object that createClient makes.
            _ if self.object.is_none() => Err(client::INVALID_OPERATION.into()),
            "join" => self.join(call),
            "leave" => Ok(self.leave(call)),
            "publish" => self.publish(call),
            "unpublish" => self.unpublish(call),
            "subscribe" => self.subscribe(call),
            "unsubscribe" => self.unsubscribe(call),
            "batchSubscribe" => self.batch_subscribe(call),
            "switchRole" => self.switch_role(call),
            "renewSignature" => self.renew_signature(call),
            "changeUserName" => self.change_user_name(call),
            "enableTopThreeAudioMode" => self.enable_top_three(call),
            "setVolume4TopThree" => self.set_top_three_volume(call),
            "muteAudio4TopThree" => self.mute_top_three(call),
            "enableStreamStateDetection" => self.enable_detection(call),
            "startLiveStreaming" | "updateLiveStreaming" => {
                self.in_room()?;
                Err(client::ROLE_NO_PERMISSION.into()) // where the role allows it, it was not taken
            }
            "getTransportStats" => self.get_transport_stats(),
            "getLocalAudioStats" => Ok(self.get_local_stats(call, TrackKind::Audio)),
            "getLocalVideoStats" => Ok(self.get_local_stats(call, TrackKind::Video)),
            "getRemoteAudioStats" => Ok(Reply::Now(self.get_remote_stats(TrackKind::Audio))),
            "getRemoteVideoStats" => Ok(Reply::Now(self.get_remote_stats(TrackKind::Video))),
            "enableRtcStats" => self.enable_rtc_stats(call),
            "setNetworkBandwidth" => self.set_network_bandwidth(call),
            "setProxyServer" => self.set_proxy_server(call),
            "setTurnServer" => self.set_turn_server(call),
            "getConnectionState" => Ok(Reply::Now(events::state(self.state).into())),
            "on" => self.on(call, true),
            "off" => self.on(call, false),
            _ => Err(client::RTC_SDK_ERROR.into()), // a name that is offered and not known here would be our bug
        }
    }

    /// Resolves with `true`, or with the error that says what is missing: the promise is not rejected, so neither is the call.
    fn check_system_requirements(&mut self, call: &VendorCall) -> Result<Reply, Failure> {
        let fields = Fields::of(&call.args);
        let strict = fields.flag_or("strictCheckBrowser", true)?;
        let direction = match fields.text_or_none("direction")? {
            None | Some("sendrecv") => Direction::Both,
            Some("sendonly") => Direction::Send,
            Some("recvonly") => Direction::Receive,
            Some(_) => return Err(fields.wrong("direction", "sendrecv, sendonly or recvonly").into()),
        };
        Ok(Reply::Now(self.capabilities.missing(direction, strict).map_or(Value::Bool(true), |code| {
            let error = codes::error(code);
            json!({ "code": error.code, "msg": error.msg })
        })))
    }

    fn create_client(&mut self, call: &VendorCall) -> Result<Reply, Failure> {
        let config = Fields::of(&call.args).object("config")?;
        let app =
            AppId::new(config.text("appId")?).map_err(|_| config.wrong("appId", "1 to 128 printable characters, and no plus sign"))?; // R-001 R-036
        if config.text_or_none("domain")?.is_some_and(|domain| domain.chars().count() > DOMAIN_CHARS) {
            return Err(config.wrong("domain", "at most 128 characters").into());
        }
        let case = if self.settings.strict { Case::Strict } else { Case::Lenient };
        let region = Group::of(config.text_or_none("countryCode")?, case, self.settings.region);
        let region = region.map_err(|_| config.wrong("countryCode", "the two letters of a country in the table"))?;
        if self.object.is_some() {
            return Err(client::INVALID_OPERATION.into());
        }
        self.object = Some(Object { app, region });
        Ok(Reply::Now(Value::Null))
    }

    fn create_stream(&mut self, call: &VendorCall) -> Result<Reply, Failure> {
        let config = Fields::of(&call.args).object("config")?;
        let (screen, video, audio, screen_audio) =
            (config.flag("screen")?, config.flag("video")?, config.flag("audio")?, config.flag("screenAudio")?);
        let (audio_source, video_source) = (config.get("audioSource").is_some(), config.get("videoSource").is_some());
        config.flag("mirror")?; // how a preview looks is the page's
        let facing = config.text_or_none("facingMode")?;
        if facing.is_some_and(|facing| facing != "user" && facing != "environment") {
            return Err(config.wrong("facingMode", "\"user\" or \"environment\"").into());
        }
        if screen && (video || video_source) {
            return Err(config.wrong("screen", "no camera beside it in one stream").into());
        }
        if screen_audio && !screen {
            return Err(config.wrong("screenAudio", "screen beside it").into());
        }
        let given_or =
            |given: bool, wanted: bool, source| if given { Some(Origin::Given) } else { wanted.then_some(Origin::Capture(source)) };
        let sources = if screen {
            Sources {
                kind: StreamKind::Aux,
                audio: given_or(audio_source, screen_audio, Source::ScreenAudio), // the flag `audio` counts for cameras alone
                video: Some(Origin::Capture(Source::Screen)),
                camera: None,
                microphone: None,
                user: config.text_or_none("userId")?.map(Into::into),
            }
        } else {
            Sources {
                kind: StreamKind::Main,
                audio: given_or(audio_source, audio, Source::Microphone),
                video: given_or(video_source, video, Source::Camera),
                camera: config.text_or_none("cameraId")?.or(facing).map(Into::into),
                microphone: config.text_or_none("microphoneId")?.map(Into::into),
                user: config.text_or_none("userId")?.map(Into::into),
            }
        };
        // Without a name nothing could ever be asked of it.
        let Some(name) = &call.bind else { return Ok(Reply::Now(Value::Null)) };
        let before = self.streams.get(name);
        if before.is_some_and(|before| before.published != Published::No) || before.is_none() && self.streams.len() >= limits::LOCAL_STREAMS
        {
            return Err(client::INVALID_OPERATION.into());
        }
        self.forget_stream(name);
        self.streams.insert(name.clone(), LocalStream::new(sources));
        Ok(Reply::Now(json!({ "local": name })))
    }

    fn set_log_level(&mut self, call: &VendorCall) -> Result<Reply, Failure> {
        let fields = Fields::of(&call.args);
        self.log = match fields.text("level")? {
            "none" => LogLevel::None,
            "error" => LogLevel::Error,
            "warn" => LogLevel::Warn,
            "info" => LogLevel::Info,
            "debug" => LogLevel::Debug,
            _ => return Err(fields.wrong("level", "none, error, warn, info or debug").into()),
        };
        Ok(Reply::Now(Value::Null))
    }

    fn join(&mut self, call: &VendorCall) -> Result<Reply, Failure> {
        let fields = Fields::of(&call.args);
        let room = fields.room("roomId")?;
        let options = fields.object("options")?;
        let user = options.user("userId")?;
        let name = options.text_or_none("userName")?.map(|name| user_name(&options, name)).transpose()?;
        let credential = options.credential()?;
        let role = options.role("role")?;
        if self.state != ConnectionState::Disconnected {
            return Err(client::INVALID_OPERATION.into());
        }
        let app = self.object.as_ref().map(|object| object.app.clone());
        let (named, audio_mode) = (name.clone(), self.audio_mode());
        let join = JoinCall { app, name, credential: Some(credential), audio_mode, ..JoinCall::new(room.clone(), user, role) };
        Ok(self.ask(Some(Caller::of(call)), session::Call::Join(join), Then::Join { room, name: named }))
    }

    fn leave(&mut self, call: &VendorCall) -> Reply {
        // Unlike other calls, it needs no link: on the way in or back it ends the attempts.
        self.ask(Some(Caller::of(call)), session::Call::Leave, Then::Leave)
    }

    fn switch_role(&mut self, call: &VendorCall) -> Result<Reply, Failure> {
        let fields = Fields::of(&call.args);
        let role = fields.role("role")?;
        let credential = fields.object("authorization")?.credential()?;
        self.in_room()?;
        Ok(self.ask(Some(Caller::of(call)), session::Call::SwitchRole { role, credential: Some(credential) }, Then::SwitchRole { role }))
    }

    fn renew_signature(&mut self, call: &VendorCall) -> Result<Reply, Failure> {
        let credential = Fields::of(&call.args).credential()?;
        self.in_room()?;
        Ok(self.ask(Some(Caller::of(call)), session::Call::Renew { credential }, Then::Renew))
    }

    fn change_user_name(&mut self, call: &VendorCall) -> Result<Reply, Failure> {
        let fields = Fields::of(&call.args);
        let name = fields.text("userName")?;
        self.in_room()?;
        // a name that cannot be is no error here, but a plain no.
        let Ok(name) = UserName::new(name) else { return Ok(Reply::Now(false.into())) };
        Ok(self.ask(Some(Caller::of(call)), session::Call::Rename { name: Some(name.clone()) }, Then::Rename { name }))
    }

    /// Adds or removes a handler, of the client's or of a stream's. What a handler is cannot be said in JSON: any value stands for it, and they are counted.
    pub(super) fn on(&mut self, call: &VendorCall, add: bool) -> Result<Reply, Failure> {
        let fields = Fields::of(&call.args);
        let event = names::event(call.on.is_some(), fields.text("event")?).ok_or_else(|| fields.wrong("event", "a printed event"))?;
        let key = (call.on.clone().filter(|on| matches!(on, StreamRef::Local(_))), event);
        if add {
            if self.handlers.len() >= limits::EVENT_HANDLERS && !self.handlers.contains_key(&key) {
                return Err(client::INVALID_OPERATION.into());
            }
            let count = self.handlers.entry(key).or_default();
            *count = count.saturating_add(1);
        } else if let Some(count) = self.handlers.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.handlers.remove(&key);
            }
        }
        Ok(Reply::Now(Value::Null))
    }
}

/// A name of at most 256 bytes.
fn user_name(fields: &Fields<'_>, name: &str) -> Result<UserName, Wrong> {
    UserName::new(name).map_err(|_| fields.wrong("userName", "at most 256 bytes of UTF-8 without control characters"))
}
