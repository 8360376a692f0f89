//! `"auto"`: what an application's own server would hand to its user, made by the story's.
//!
//! A story that spelled its signatures out would be a story about hexadecimal digits. So `"ctime":"auto"` stands for two hours from now, which the SparkRTC document advises,
//! and `"signature":"auto"` and `"channelKey":"auto"` for what the app's secret makes of the rest of the line.

use std::collections::BTreeMap;

use greenroom_core::{
    auth::{
        Secret,
        channel_key::{self, Request, Service, Version},
        signature,
    },
    id::AppId,
    time::UnixSeconds,
};
use serde_json::{Map, Value, json};

use super::story::App;

/// How long a credential is good, in seconds: the validity that SparkRTC's `renewSignature` advises.
const VALIDITY_S: u64 = 2 * 3600;

/// The secrets of all apps of a story.
#[derive(Debug)]
pub(super) struct Signer {
    apps: BTreeMap<String, App>,
    /// What the next channel key is given for its random number: a story repeats.
    random: u32,
}

/// Whom a session object stands for, as its calls have told so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Identity {
    app: String,
    room: String,
    user: String,
}

impl Signer {
    pub(super) fn new(apps: &[App]) -> Self {
        Self { apps: apps.iter().map(|app| (app.app_id.clone(), app.clone())).collect(), random: 0 }
    }

    /// Notes what a call tells of who calls, and fills in what is `"auto"`.
    pub(super) fn fill_in(&mut self, identity: &mut Identity, args: &mut Map<String, Value>, now: UnixSeconds) {
        identity.listen(args);
        let mut args_value = Value::Object(core::mem::take(args));
        self.fill_in_value(identity, &mut args_value, now);
        if let Value::Object(filled) = args_value {
            *args = filled;
        }
    }

    fn fill_in_value(&mut self, identity: &Identity, value: &mut Value, now: UnixSeconds) {
        let Value::Object(object) = value else { return };
        if is_auto(object.get("ctime")) {
            object.insert("ctime".to_owned(), json!((now.0 + VALIDITY_S).to_string()));
        }
        if is_auto(object.get("signature")) {
            let ctime =
                object.get("ctime").map_or_else(String::new, |ctime| ctime.as_str().map_or_else(|| ctime.to_string(), ToOwned::to_owned));
            object.insert("signature".to_owned(), json!(self.signature(identity, &ctime)));
        }
        if is_auto(object.get("channelKey")) {
            object.insert("channelKey".to_owned(), self.channel_key(identity, now));
        }
        for (_, inner) in object.iter_mut() {
            self.fill_in_value(identity, inner, now);
        }
    }

    /// An app that the story does not know signs with nothing, and its server will say what that is worth.
    fn signature(&self, who: &Identity, ctime: &str) -> String {
        let key = self.apps.get(&who.app).and_then(|app| app.app_key.as_deref()).unwrap_or_default();
        signature::sign(&Secret::new(key.as_bytes()), &who.app, &who.room, &who.user, ctime)
    }

    /// Null for an app without a certificate: a static App ID takes no key.
    fn channel_key(&mut self, who: &Identity, now: UnixSeconds) -> Value {
        let Some(certificate) = self.apps.get(&who.app).and_then(|app| app.app_certificate.as_deref()) else {
            return Value::Null;
        };
        let Ok(app_id) = AppId::new(&who.app) else { return Value::Null };
        self.random += 1;
        let key = channel_key::generate(&Request {
            version: Version::V004,
            service: Service::Media,
            app_id: &app_id,
            certificate: &Secret::new(certificate.as_bytes()),
            channel: &who.room,
            issued: now,
            random: self.random,
            uid: Some(who.user.parse().unwrap_or(0)),
            expires: Some(UnixSeconds(0)),
        });
        key.map_or(Value::Null, Value::String)
    }
}

impl Identity {
    /// Takes in what the arguments of a call say of app, room and user.
    fn listen(&mut self, args: &Map<String, Value>) {
        let inside = |outer: &str, key: &str| args.get(outer).and_then(|value| value.get(key));
        let text = |value: Option<&Value>| match value {
            Some(Value::String(text)) => Some(text.clone()),
            // JavaScript has one type of numbers: 1.0 is 1.
            Some(Value::Number(number)) => Some(
                number
                    .as_f64()
                    .filter(|it| it.fract() == 0.0 && it.abs() < 1e15)
                    .map_or_else(|| number.to_string(), |it| format!("{it:.0}")),
            ),
            _ => None,
        };
        let app = text(inside("config", "appId").or_else(|| args.get("appId")));
        let room = text(args.get("roomId").or_else(|| args.get("channelName")));
        let user = text(inside("options", "userId").or_else(|| args.get("uid")));
        // Agora's join without a uid leaves the choice to the server, as 0 does.
        let user = user.or_else(|| args.contains_key("channelName").then(|| "0".to_owned()));
        self.app = app.unwrap_or_else(|| core::mem::take(&mut self.app));
        self.room = room.unwrap_or_else(|| core::mem::take(&mut self.room));
        self.user = user.unwrap_or_else(|| core::mem::take(&mut self.user));
    }

    /// The server chose who the user is.
    pub(super) fn is_now(&mut self, user: u64) {
        self.user = user.to_string();
    }
}

fn is_auto(value: Option<&Value>) -> bool {
    value.and_then(Value::as_str) == Some("auto")
}
