//! What the platform says: the local agent, other pages, and devices.

use alloc::{string::String, vec::Vec};

use serde_json::{Value, json};

use super::{
    Client, Life,
    stream::{Capture, LocalStream},
};
use crate::{
    code::{
        agora::{error, reason},
        vendor::VendorCode,
    },
    dialect::{HostOrder, Output, Refused, Source, StreamRef, whole},
};

/// Where newer agents are to be had, unless the platform knows better: the page that the document names for all downloads.
const UPGRADE_URL: &str = "http://cn.agora.io/download/";

/// The names of the platform inputs.
const KNOWN: &str = "agentReachable, agentUnreachable, agentTooOld, otherInstance, captureSucceeded, captureFailed";

/// The platform, as it said last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Host {
    pub(super) agent: Agent,
    /// Whether another page of this machine uses the agent.
    pub(super) other_instance: bool,
    /// What is wrong with the devices.
    microphone: Option<VendorCode<'static>>,
    camera: Option<VendorCode<'static>>,
}

/// The helper that runs beside the browser.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Agent {
    #[default]
    Reachable,
    /// No network, no name service, not running, not installed, or a proxy in the way: the document tells none from the others.
    Unreachable,
    TooOld {
        url: String,
    },
}

/// A platform input that has been read.
pub(super) enum HostNews {
    Agent(Agent),
    OtherInstance(bool),
    /// Devices, and what is wrong with each.
    Captured {
        stream: Option<String>,
        devices: Vec<(Source, Option<VendorCode<'static>>)>,
        /// How large the camera's pictures are, where that is not what was asked for.
        size_px: Option<(u16, u16)>,
    },
}

impl Agent {
    /// What `init.onFailure` is told of it, if it is not as it should be: the reason, and where to get a newer one.
    pub(super) fn fault(&self) -> Option<(VendorCode<'static>, Option<&str>)> {
        match self {
            Self::Reachable => None,
            Self::Unreachable => Some((reason::CLOSE_BEFORE_OPEN, None)),
            Self::TooOld { url } => Some((reason::INCOMPATIBLE_WEBAGENT, Some(url))),
        }
    }
}

impl Host {
    fn device(&mut self, source: Source) -> &mut Option<VendorCode<'static>> {
        match source {
            Source::Microphone | Source::ScreenAudio => &mut self.microphone,
            Source::Camera | Source::Screen => &mut self.camera,
        }
    }
}

impl Client {
    /// Reads a platform input, and changes nothing.
    pub(super) fn read_host(&self, name: String, args: &Value) -> Result<HostNews, Refused> {
        let bad = |at: &str, expected| Refused::BadInput { name: name.clone(), at: at.into(), expected };
        match name.as_str() {
            "agentReachable" => Ok(HostNews::Agent(Agent::Reachable)),
            "agentUnreachable" => Ok(HostNews::Agent(Agent::Unreachable)),
            "agentTooOld" => match args.get("url").map_or(Some(UPGRADE_URL), Value::as_str) {
                Some(url) => Ok(HostNews::Agent(Agent::TooOld { url: url.into() })),
                None => Err(bad("url", "a text")),
            },
            "otherInstance" => {
                args.get("running").and_then(Value::as_bool).map(HostNews::OtherInstance).ok_or_else(|| bad("running", "true or false"))
            }
            "captureSucceeded" | "captureFailed" => {
                let stream = match args.get("stream") {
                    None => None,
                    Some(Value::String(stream)) if self.locals.contains_key(stream) => Some(stream.clone()),
                    Some(_) => return Err(bad("stream", "the name of a local stream")),
                };
                let sources: &[Source] = match args.get("medium").map(Value::as_str) {
                    None => &[Source::Microphone, Source::Camera],
                    Some(Some("audio")) => &[Source::Microphone],
                    Some(Some("video")) => &[Source::Camera],
                    Some(_) => return Err(bad("medium", "audio or video")),
                };
                let code = match args.get("code").map(Value::as_u64) {
                    None => None,
                    Some(Some(16)) => Some(error::INIT_VIDEO),
                    Some(Some(1003)) => Some(error::START_CAMERA),
                    Some(Some(1011)) => Some(error::ADM_INIT_RECORDING),
                    Some(Some(1012)) => Some(error::ADM_START_RECORDING),
                    Some(Some(1501)) => Some(error::VDM_CAMERA_NOT_AUTHORIZED),
                    Some(_) => return Err(bad("code", "16, 1003, 1011, 1012 or 1501")),
                };
                let pixels = |field| match args.get(field) {
                    None => Ok(None),
                    Some(value) => {
                        let pixels = whole(value).and_then(|pixels| u16::try_from(pixels).ok()).filter(|pixels| *pixels > 0);
                        pixels.map(Some).ok_or_else(|| bad(field, "1 to 65535"))
                    }
                };
                let size_px = match (pixels("width")?, pixels("height")?) {
                    (None, None) => None,
                    (Some(width), Some(height)) => Some((width, height)),
                    (Some(_), None) => return Err(bad("height", "both sides or none")),
                    (None, Some(_)) => return Err(bad("width", "both sides or none")),
                };
                let fails = name == "captureFailed";
                let devices = sources.iter().map(|source| (*source, fails.then(|| code.unwrap_or(usual_fault(*source)))));
                Ok(HostNews::Captured { stream, devices: devices.collect(), size_px })
            }
            _ => Err(Refused::UnknownInput { kind: "host", name, known: KNOWN }),
        }
    }

    /// Takes in what the platform said.
    pub(super) fn heard_from_host(&mut self, news: HostNews) {
        match news {
            HostNews::Agent(agent) => {
                let before = core::mem::replace(&mut self.host.agent, agent);
                // A client that is ready hears of it through `init.onFailure`, once; others when they try.
                if matches!(self.life, Life::Ready { .. }) && before != self.host.agent {
                    self.agent_failed();
                }
            }
            HostNews::OtherInstance(running) => self.host.other_instance = running,
            HostNews::Captured { stream, devices, size_px } => {
                for (source, fault) in devices {
                    *self.host.device(source) = fault;
                    let waiting: Vec<String> = self.waiting_for(source, stream.as_deref());
                    for name in waiting {
                        if let Some(size_px) = size_px.filter(|_| source == Source::Camera && fault.is_none()) {
                            self.fell_back(&name, size_px);
                        }
                        self.captured(&name, source, fault);
                    }
                }
            }
        }
    }

    /// Tells `init.onFailure` what is wrong with the agent, and returns it.
    pub(super) fn agent_failed(&mut self) -> Option<VendorCode<'static>> {
        let (code, url) = self.host.agent.fault()?;
        let mut data = json!({ "err": super::codes::value_of(code) });
        if let Some(url) = url {
            data["url"] = url.into();
        }
        self.event("init.onFailure", data);
        Some(code)
    }

    /// A local stream asks for its devices.
    pub(super) fn capture(&mut self, name: &str) {
        let Some(local) = self.locals.get_mut(name) else { return };
        local.capture = Capture::Running { audio: local.spec.audio, video: local.spec.video };
        let sources: Vec<Source> = local.sources().collect();
        for source in &sources {
            self.outputs.push_back(Output::Host(HostOrder::Capture { stream: name.into(), source: *source, device: None }));
        }
        if self.settings.auto_capture {
            for source in sources {
                let fault = *self.host.device(source);
                self.captured(name, source, fault);
            }
        }
    }

    /// The local streams that wait for a device, by name.
    fn waiting_for(&self, device: Source, only: Option<&str>) -> Vec<String> {
        let waits = |local: &LocalStream| match local.capture {
            Capture::Running { audio, video } => audio && device == Source::Microphone || video && device == Source::Camera,
            Capture::Created | Capture::Initialised | Capture::Closed => false,
        };
        let named = |name: &str| only.is_none_or(|only| only == name);
        self.locals.iter().filter(|(name, local)| named(name) && waits(local)).map(|(name, _)| name.clone()).collect()
    }

    /// A device that a local stream waits for delivers, or does not. One that does not is enough for `init` to fail.
    fn captured(&mut self, name: &str, source: Source, fault: Option<VendorCode<'static>>) {
        let Some(local) = self.locals.get_mut(name) else { return };
        let Capture::Running { audio, video } = &mut local.capture else { return };
        match source {
            Source::Microphone | Source::ScreenAudio => *audio = false,
            Source::Camera | Source::Screen => *video = false,
        }
        let waits = *audio || *video;
        if let Some(fault) = fault {
            local.capture = Capture::Created;
            self.release(name, Some(source));
            self.init_answered(name, Err(fault));
        } else if !waits {
            local.capture = Capture::Initialised;
            self.init_answered(name, Ok(Value::Null));
        }
    }

    /// A camera delivers pictures of another size than it was asked for. They are sent in the size that was set all the same.
    fn fell_back(&mut self, name: &str, (width, height): (u16, u16)) {
        let Some(profile) = self.locals.get(name).map(|local| local.profile) else { return };
        if (width, height) != (profile.width_px, profile.height_px) {
            let (encoded_width, encoded_height) = (profile.width_px, profile.height_px);
            let data =
                json!({ "stream": name, "width": width, "height": height, "encodedWidth": encoded_width, "encodedHeight": encoded_height });
            self.notice("capture-fell-back", data);
        }
    }

    /// Lets go of a local stream's devices, but for the one that cannot be had anyway.
    pub(super) fn release(&mut self, name: &str, but: Option<Source>) {
        let Some(local) = self.locals.get(name) else { return };
        let orders = local.sources().filter(|source| Some(*source) != but);
        let orders = orders.map(|source| Output::Host(HostOrder::Release { stream: name.into(), source }));
        self.outputs.extend(orders);
    }

    /// Answers the `init` of a local stream.
    pub(super) fn init_answered(&mut self, name: &str, result: Result<Value, VendorCode<'static>>) {
        self.answer("init".into(), Some(StreamRef::Local(name.into())), result);
    }
}

/// What a device's failure is called when the platform gives no code.
fn usual_fault(source: Source) -> VendorCode<'static> {
    match source {
        Source::Microphone | Source::ScreenAudio => error::ADM_INIT_RECORDING,
        Source::Camera | Source::Screen => error::START_CAMERA,
    }
}
