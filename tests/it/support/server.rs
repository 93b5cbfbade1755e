//! A small HTTP server on loopback that can misbehave: once or always.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// How a path is answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Behaviour {
    /// As it should be, with Range and ETag.
    Serve,
    /// The connection ends after so many bytes of the body.
    CutAfter(usize),
    /// So many bytes of the body, and then nothing until [`Server::release`].
    StallAfter(usize),
    /// The body in pieces of so many bytes, twenty a second.
    Throttle(usize),
    /// This status, with these header lines.
    Status(u16, &'static str),
    /// A web page with the status 200.
    Html,
    /// Range is ignored: everything is sent with the status 200.
    IgnoreRange,
    /// A range is answered as asked, but with the bytes of another edition.
    OtherEdition,
}

/// Serves `files`; what `script` has for a path is used up first, one behaviour a request.
pub(crate) struct Server {
    pub(crate) address: String,
    shared: Arc<Mutex<Shared>>,
    gate: Arc<Gate>,
    over: Arc<AtomicBool>,
}

/// Where stalled answers wait.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
}

/// No test stalls longer.
const LONGEST_STALL: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Shared {
    files: HashMap<String, Vec<u8>>,
    script: HashMap<String, Vec<Behaviour>>,
    redirects: HashMap<String, String>,
    /// Paths that begin like this are for those who bring this token.
    guarded: Option<(String, String)>,
    requests: Vec<String>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::<Mutex<Shared>>::default();
        let gate = Arc::<Gate>::default();
        let over = Arc::<AtomicBool>::default();
        let (state, closed, own, ends) = (Arc::clone(&shared), Arc::clone(&gate), address.clone(), Arc::clone(&over));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let (state, gate, own) = (Arc::clone(&state), Arc::clone(&closed), own.clone());
                std::thread::spawn(move || drop(answer(stream, &own, &state, &gate)));
            }
        });
        Self { address, shared, gate, over }
    }

    pub(crate) fn file(&self, path: &str, bytes: impl Into<Vec<u8>>) -> &Self {
        self.shared.lock().unwrap().files.insert(path.to_owned(), bytes.into());
        self
    }

    /// From now on `path` is not there.
    pub(crate) fn remove(&self, path: &str) -> &Self {
        assert!(self.shared.lock().unwrap().files.remove(path).is_some(), "{path} was not there");
        self
    }

    /// `path` leads to `location`, which may be anywhere.
    pub(crate) fn redirect(&self, path: &str, location: &str) -> &Self {
        self.shared.lock().unwrap().redirects.insert(path.to_owned(), location.to_owned());
        self
    }

    /// What begins with `prefix` is for those who bring `token`, which `/token` gives to everybody, as registries do.
    pub(crate) fn guard(&self, prefix: &str, token: &str) -> &Self {
        self.shared.lock().unwrap().guarded = Some((prefix.to_owned(), token.to_owned()));
        self.file("/token", format!(r#"{{"token": "{token}", "expires_in": 300}}"#))
    }

    /// The bytes of a file that is served.
    pub(crate) fn served(&self, path: &str) -> Vec<u8> {
        self.shared.lock().unwrap().files[path].clone()
    }

    /// The next requests of `path` are answered like this; those after them as they should be.
    pub(crate) fn then(&self, path: &str, behaviours: impl IntoIterator<Item = Behaviour>) -> &Self {
        self.shared.lock().unwrap().script.insert(path.to_owned(), behaviours.into_iter().collect());
        self
    }

    /// Lets the stalled answers go on, and those that would stall from now on.
    pub(crate) fn release(&self) {
        *self.gate.open.lock().unwrap() = true;
        self.gate.opened.notify_all();
    }

    /// `GET <path with query> <range or ->` for every request, in order.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.shared.lock().unwrap().requests.clone()
    }
}

/// So that all tests together get by with the 256 open files that some systems give to a process.
impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.release();
        // This wakes the one that listens.
        drop(TcpStream::connect(self.address.trim_start_matches("http://")));
    }
}

/// What was asked.
struct Request {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
}

fn read(stream: &TcpStream) -> std::io::Result<Request> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = BTreeMap::new();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    Ok(Request { method, path, headers })
}

#[expect(clippy::disallowed_methods, reason = "a slow link is what it is for")]
fn answer(mut stream: TcpStream, own: &str, shared: &Mutex<Shared>, gate: &Gate) -> std::io::Result<()> {
    let request = read(&stream)?;
    let path = request.path.split('?').next().unwrap_or_default().to_owned();
    let range = request.headers.get("range").and_then(|value| {
        value.strip_prefix("bytes=").and_then(|value| value.strip_suffix('-'))?.parse::<usize>().ok()
    });
    let (behaviour, body, redirect, is_guarded) = {
        let mut shared = shared.lock().unwrap();
        let asked = range.map_or_else(|| "-".to_owned(), |start| start.to_string());
        shared.requests.push(format!("{} {} {asked}", request.method, request.path));
        let script = shared.script.entry(path.clone()).or_default();
        let behaviour = if script.is_empty() { Behaviour::Serve } else { script.remove(0) };
        let brought = request.headers.get("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let is_guarded = shared
            .guarded
            .as_ref()
            .is_some_and(|(prefix, token)| path.starts_with(prefix) && brought != Some(token.as_str()));
        (behaviour, shared.files.get(&path).cloned(), shared.redirects.get(&path).cloned(), is_guarded)
    };
    if is_guarded {
        let challenge = format!("Bearer realm=\"{own}/token\",service=\"the-tests\"");
        return write!(
            stream,
            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: {challenge}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
    }
    if let Some(location) = redirect {
        return write!(
            stream,
            "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
    }
    let Some(mut body) = body else {
        return write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let length = body.len();
    match behaviour {
        Behaviour::Status(status, headers) => {
            return write!(
                stream,
                "HTTP/1.1 {status} As Told\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n"
            );
        }
        Behaviour::Html => {
            let page = "<!DOCTYPE html>\n<title>Sign in</title>\n";
            return write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
                page.len()
            );
        }
        Behaviour::OtherEdition => body.iter_mut().for_each(|byte| *byte ^= 0xff),
        _ => {}
    }
    let start = range.filter(|start| *start < length && behaviour != Behaviour::IgnoreRange);
    match (start, range) {
        (Some(start), _) => write!(
            stream,
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-{}/{length}\r\nContent-Length: {}\r\nETag: \"1\"\r\nConnection: close\r\n\r\n",
            length - 1,
            length - start
        )?,
        (None, Some(beyond)) if beyond >= length && behaviour != Behaviour::IgnoreRange => {
            return write!(
                stream,
                "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{length}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
        }
        _ => {
            // A registry says which manifest it sends.
            let digest = match path.starts_with("/v2/") {
                true => format!("Docker-Content-Digest: sha256:{}\r\n", super::sum(&body)),
                false => String::new(),
            };
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nETag: \"1\"\r\n{digest}Connection: close\r\n\r\n"
            )?;
        }
    }
    if request.method == "HEAD" {
        return Ok(());
    }
    let rest = &body[start.unwrap_or(0)..];
    match behaviour {
        Behaviour::CutAfter(bytes) => stream.write_all(&rest[..bytes.min(rest.len())]),
        Behaviour::StallAfter(bytes) => {
            let (first, last) = rest.split_at(bytes.min(rest.len()));
            stream.write_all(first)?;
            let open = gate.open.lock().unwrap();
            drop(gate.opened.wait_timeout_while(open, LONGEST_STALL, |open| !*open).unwrap());
            stream.write_all(last)
        }
        Behaviour::Throttle(bytes) => rest.chunks(bytes).try_for_each(|piece| {
            stream.write_all(piece)?;
            std::thread::sleep(Duration::from_millis(50));
            Ok(())
        }),
        _ => stream.write_all(rest),
    }
}
