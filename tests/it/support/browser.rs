//! A real browser without a window: what a page looks like to it, in a window of some size.

use std::path::Path;
use std::process::Command;

/// Whichever is installed; `scripts/browser` sees to it that one is.
const PROGRAMS: [&str; 3] = ["chromium", "google-chrome", "chromium-browser"];

/// The longest that a page may take, in seconds.
const DEADLINE: &str = "60";

/// Put behind everything else in the page: writes what it finds into the body, where `--dump-dom` shows it.
const PROBE: &str = r#"<script>
{
  const found = [];
  const box = (element) => element.getBoundingClientRect();
  if (document.documentElement.scrollWidth > window.innerWidth) {
    found.push("the page is wider than the window");
  }
  for (const summary of document.querySelectorAll("summary")) {
    const [name, track, time] = [".name", ".track", ".time"].map((part) => summary.querySelector(part));
    if (name.scrollWidth > name.clientWidth) {
      found.push(`${name.textContent} is clipped`);
    }
    const beside = box(name).right <= box(time).left + 1;
    const apart = box(name).right <= box(track).left + 1 || box(name).bottom <= box(track).top + 8;
    if (!beside || !apart || box(track).width < 100 || box(track).height < 15) {
      found.push(`${name.textContent} is in the way of something`);
    }
  }
  const card = document.getElementById("card");
  for (const summary of document.querySelectorAll("summary")) {
    summary.focus();
    // A window that has not been given the focus yet, on a machine with more to do, tells its elements later.
    if (!document.hasFocus()) {
      summary.dispatchEvent(new FocusEvent("focus"));
    }
    const [shown, row] = [box(card), box(summary)];
    if (!card.hidden && shown.top < row.bottom && shown.bottom > row.top && shown.top > 0) {
      found.push(`${summary.textContent} is under its card`);
    }
  }
  document.body.dataset.card = card.hidden ? "hidden" : "shown";
  document.body.dataset.found = found.join("; ");
  document.body.dataset.width = window.innerWidth;
}
</script>"#;

pub(crate) struct Browser;

impl Browser {
    /// The document as it is when its scripts have run, in a window of so many pixels, with what the probe found in the
    /// attributes of its body.
    pub(crate) fn dom(page: &Path, width: u32, height: u32) -> String {
        let folder = tempfile::tempdir().unwrap();
        let probed = folder.path().join("page.html");
        let text = std::fs::read_to_string(page).unwrap().replace("</body>", &format!("{PROBE}</body>"));
        std::fs::write(&probed, text).unwrap();
        let ran = Command::new("timeout")
            .args([DEADLINE, program(), "--headless", "--disable-gpu", "--no-first-run", "--dump-dom"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            // It shows nothing but our own page, and as root it refuses its sandbox.
            .arg("--no-sandbox")
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .arg(format!("--window-size={width},{height}"))
            .arg(format!("file://{}", probed.display()))
            .output()
            .unwrap();
        let dom = String::from_utf8(ran.stdout).unwrap();
        assert!(ran.status.success() && !dom.is_empty(), "{}: {}", ran.status, String::from_utf8_lossy(&ran.stderr));
        dom
    }
}

/// A test that is skipped in silence proves nothing: without a browser this fails.
fn program() -> &'static str {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_here = |program: &&&str| std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    let found = PROGRAMS.iter().find(is_here);
    found.unwrap_or_else(|| panic!("there is no browser: run scripts/browser, which installs one"))
}
