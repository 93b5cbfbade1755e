'use strict';

// A person with the extension, in a real editor, with the real program: `scripts/extension-tests` starts this.

const assert = require('node:assert/strict');
const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, test } = require('node:test');

const { serve } = require('./server');
const commands = require('../../vscode-extension/commands/active-active.json');

const [tools, vsix, program, pictures] = ['TOOLS', 'VSIX', 'PROGRAM', 'PICTURES'].map((name) => {
    const value = process.env[name];
    assert.ok(value, `${name} is not set: run scripts/extension-tests`);
    return value;
});
const { chromium } = require(path.join(tools, 'node_modules/playwright-core'));

/** How long the editor may take for anything. In milliseconds. */
const DEADLINE = 60_000;

const BROWSERS = ['chromium', 'google-chrome', 'chromium-browser'];

const home = fs.mkdtempSync(path.join(os.tmpdir(), 'pgedge-vscode-'));
const folder = path.join(home, 'work');
const asked = path.join(home, 'asked');
/** Whatever runs on this machine, the program finds no docker. */
const env = { HOME: home, PATH: process.env.PATH, SHELL: '/bin/bash', LANG: 'C.UTF-8', DOCKER_HOST: `unix://${home}/docker.sock` };
let server;
let browser;
let page;

before(async () => {
    fs.mkdirSync(folder);
    fs.mkdirSync(path.join(home, 'bin'));
    // The real program, and an account of what it was asked and how that ended.
    const script = `#!/bin/sh\n'${program}' "$@"\ncode=$?\necho "$code $*" >> '${asked}'\nexit $code\n`;
    fs.writeFileSync(path.join(home, 'bin/pgedge-bootstrap'), script, { mode: 0o755 });
    // There is no cluster; what is typed to it is kept.
    const kubectl = `#!/bin/sh
cd '${home}'
case $1 in
  wait) trap 'touch "interrupted-$2"; exit 130' INT; touch "waits-$2"; read -r _ < go; touch "ended-$2" ;;
  create) cat > created.new && mv created.new created ;;
  get) touch got ;;
esac
`;
    fs.writeFileSync(path.join(home, 'bin/kubectl'), kubectl, { mode: 0o755 });
    execFileSync('mkfifo', [path.join(home, 'go')]);
    // The editor asks a login shell for the PATH.
    fs.writeFileSync(path.join(home, '.profile'), 'PATH="$HOME/bin:$PATH"\n');
    server = await serve(tools, home, vsix, path.join(pictures, 'server.log'), env);
    browser = await chromium.launch({
        executablePath: installed(BROWSERS),
        // It shows nothing but our own server, and as root it refuses its sandbox. No other machine is asked for anything.
        args: ['--no-sandbox', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
    });
    page = await browser.newPage({ viewport: { width: 1280, height: 860 } });
    page.setDefaultTimeout(DEADLINE);
});

after(async () => {
    await browser?.close();
    await server?.stop();
    // Shells that are ending may still write there.
    fs.rmSync(home, { recursive: true, force: true, maxRetries: 10 });
});

function installed(names) {
    const places = (process.env.PATH ?? '').split(':').flatMap((place) => names.map((name) => path.join(place, name)));
    const found = places.find((file) => fs.existsSync(file));
    assert.ok(found, 'there is no browser: run scripts/browser, which installs one');
    return found;
}

/** What the program was asked until now, a line each: how it ended, and its arguments. */
function answers() {
    return fs.existsSync(asked) ? fs.readFileSync(asked, 'utf8').trim().split('\n') : [];
}

/** Looks four times a second, for the editor has no event for the outside. */
async function until(what, holds) {
    const end = Date.now() + DEADLINE;
    while (!holds()) {
        assert.ok(Date.now() < end, `${what}: not within ${DEADLINE / 1000} s; the program was asked: ${answers().join('; ')}`);
        await page.waitForTimeout(250);
    }
}

const picture = (name) => page.screenshot({ path: path.join(pictures, `${name}.png`) });

/** Each fact begins where the one before has ended, so after the first that is none nothing more can be said. */
let isOver = false;
const fact = (name, prove) =>
    test(name, async () => {
        assert.equal(isOver, false, 'what comes before this failed');
        isOver = true;
        try {
            await prove();
        } catch (error) {
            await picture('failed');
            throw error;
        }
        isOver = false;
    });

const step = (id) => page.locator(`[data-step-id="pgedge.pgedge-bootstrap#active-active#${id}"]`);

const isTicked = async (id) => (await step(id).getAttribute('aria-checked')) === 'true';

const run = (command) => page.getByRole('button', { name: `Run: ${command}` }).click();

/** How the extension asks whether the program is there at all. */
const CHECK = '0 env --output json';

const looks = () => answers().filter((answer) => answer.includes(' verify '));

const verifies = () => looks().length;

const exists = (name) => fs.existsSync(path.join(home, name));

/** The person types into the terminal something that runs until `go` is written to. */
async function wait(name) {
    await page.locator('.terminal-wrapper.active .xterm').first().click();
    await page.keyboard.type(`kubectl wait ${name}\n`);
    await until('what was typed', () => exists(`waits-${name}`));
}

/** Fails at once if nobody reads, for then it was interrupted. */
function go() {
    const pipe = fs.openSync(path.join(home, 'go'), fs.constants.O_WRONLY | fs.constants.O_NONBLOCK);
    fs.writeSync(pipe, '\n');
    fs.closeSync(pipe);
}

/** A message of the extension. */
const said = (text) => page.locator('.notification-list-item', { hasText: text }).waitFor();

/** Types the name of a command where every command can be typed. What an extension adds comes there a moment after the editor. */
async function choose(command) {
    const row = page.locator('.quick-input-list .monaco-list-row', { hasText: command }).first();
    const end = Date.now() + DEADLINE;
    do {
        await page.keyboard.press('F1');
        await page.locator('.quick-input-widget input').fill(`>${command}`);
        const isThere = await row.waitFor({ timeout: 2_000 }).then(() => true, () => false);
        if (isThere) {
            return row.click();
        }
        await page.keyboard.press('Escape');
    } while (Date.now() < end);
    throw new Error(`there is no command ${command}`);
}

fact('the lesson opens by itself', async () => {
    await page.goto(`${server.address}?folder=${folder}`);
    await step('orient').waitFor();
    await picture('opened');
});

fact('nothing runs in a folder that is not trusted', async () => {
    await run('kubectl get nodes');
    await said('Trust it first.');
    await page.getByRole('button', { name: 'Manage Workspace Trust' }).click();
    const trust = page.getByRole('button', { name: 'Trust', exact: true });
    await trust.waitFor();
    // What it asked is whether the program is there at all.
    assert.deepEqual(answers(), [CHECK]);
    assert.equal(await page.locator('.xterm').count(), 0);
    await trust.click();
    const dialog = page.locator('.monaco-modal-editor-block');
    await dialog.getByText('You trust this folder').waitFor();
    await dialog.getByRole('button', { name: 'Close' }).last().click();
    await dialog.waitFor({ state: 'hidden' });
});

fact('the program is asked what is done while the lesson is open, and says: nothing', async () => {
    await until('a look', () => verifies() > 0);
    for (const id of ['orient', 'bootstrap', 'configure', 'deploy', 'health', 'prove']) {
        assert.equal(await isTicked(id), false, id);
    }
});

fact('a click alone ticks nothing', async () => {
    await step('configure').click();
    await run('cat values-demo.yaml');
    await until('the terminal', () => answers().includes('0 env'));
    const before = verifies();
    await until('two looks after the command', () => verifies() > before + 1);
    assert.equal(await isTicked('configure'), false);
    await picture('clicked');
});

fact('a click runs its command in the terminal, and its step is ticked when verify says that it is done', async () => {
    await run('pgedge-bootstrap values');
    await until('the command', () => answers().includes('0 values'));
    const values = fs.readFileSync(path.join(folder, 'values-demo.yaml'), 'utf8');
    assert.equal(values, execFileSync(program, ['values'], { env: { HOME: home }, encoding: 'utf8' }));
    const before = verifies();
    await until('a look after the command', () => verifies() > before);
    await page.locator('[data-step-id$="#configure"][aria-checked=true]').waitFor();
    assert.equal(await isTicked('orient'), false);
    await picture('ticked');
    const known = verifies();
    await until('a look after that', () => verifies() > known);
    const look = looks().at(-1);
    assert.ok(look.includes('active-active/orient') && !look.includes('active-active/configure'), look);
});

fact('several lines reach the shell as one command', async () => {
    await step('bootstrap').click();
    await run('kubectl create');
    const [, command] = commands.bootstrap;
    const [, document] = /<<'END'\n([^]*)END$/.exec(command);
    await until('the command', () => fs.existsSync(path.join(home, 'created')));
    assert.equal(fs.readFileSync(path.join(home, 'created'), 'utf8'), document);
    await picture('lines');
});

fact('a link in the text runs its command, too', async () => {
    await page.setViewportSize({ width: 1800, height: 1000 });
    await step('orient').click();
    const text = page.frameLocator('iframe.webview').frameLocator('iframe');
    await text.getByRole('link', { name: 'Run it in the terminal' }).last().click();
    await until('the command', () => fs.existsSync(path.join(home, 'got')));
    await picture('wide');
});

fact('what the person runs in the terminal is not interrupted by a click', async () => {
    fs.rmSync(path.join(home, 'got'));
    await wait('one');
    await run('kubectl get nodes');
    await page.getByText('this runs when what runs in the terminal has ended').waitFor();
    assert.ok(!exists('got'));
    go();
    await until('the command', () => exists('got'));
    assert.ok(exists('ended-one') && !exists('interrupted-one'));
});

fact('after a reload the steps are looked at again, and what runs in the terminal is left alone', async () => {
    fs.rmSync(path.join(home, 'got'));
    await wait('two');
    const before = verifies();
    // As a person does it, so that the editor keeps what it has to.
    await Promise.all([page.waitForNavigation(), choose('Developer: Reload Window')]);
    await step('orient').waitFor();
    await until('a look without a click', () => verifies() > before);
    await run('kubectl get nodes');
    await until('the command', () => exists('got'));
    await picture('reloaded');
    assert.ok(!exists('ended-two') && !exists('interrupted-two'));
    go();
    await until('the end of what was typed', () => exists('ended-two'));
});

fact('the lesson opens by itself only once', async () => {
    const checks = () => answers().filter((answer) => answer === CHECK).length;
    const before = checks();
    await choose('View: Close All Editors');
    await step('orient').waitFor({ state: 'detached' });
    await Promise.all([page.waitForNavigation(), choose('Developer: Reload Window')]);
    await page.locator('.explorer-folders-view').waitFor();
    // It answers, so it has begun.
    await choose('pgEdge: Show What Is Missing');
    const { status, stdout } = spawnSync(program, ['verify', 'active-active/orient', '--output', 'json'], { env, encoding: 'utf8' });
    assert.notEqual(status, 0);
    await said(`1 of 6 steps are done. Orient: ${JSON.parse(stdout).steps[0].detail}`);
    await picture('missing');
    assert.equal(await step('orient').count(), 0);
    assert.equal(checks(), before);
});
