'use strict';

// An editor that does nothing but remember what it was asked for, and a program that answers when a test says so.

const childProcess = require('node:child_process');
const Module = require('node:module');
const path = require('node:path');
const { mock } = require('node:test');

const root = path.join(__dirname, '..');

const { emitter, fakeTerminal } = require('./terminal');
const manifest = require('../package.json');

/** Lets everything happen that waits for nothing. Promises that wait for promises take several rounds. */
async function settle() {
    for (let round = 0; round < 20; round += 1) {
        await new Promise((resolve) => setImmediate(resolve));
    }
}

/** Time that passes only by `pass`. Node 18's own mock of it, when it clears a timer that is over, takes another one away. */
const clock = { now: 0, timers: new Map(), last: 0 };

function stopTheClock() {
    clock.timers.clear();
    mock.method(globalThis, 'setTimeout', (run, milliseconds) => {
        clock.last += 1;
        clock.timers.set(clock.last, { at: clock.now + milliseconds, run });
        return clock.last;
    });
    mock.method(globalThis, 'clearTimeout', (timer) => clock.timers.delete(timer));
}

async function pass(milliseconds) {
    const end = clock.now + milliseconds;
    for (;;) {
        const [next] = [...clock.timers].filter(([, { at }]) => at <= end).sort(([, one], [, other]) => one.at - other.at);
        if (next === undefined) {
            break;
        }
        const [timer, { at, run }] = next;
        clock.timers.delete(timer);
        clock.now = at;
        run();
        await settle();
    }
    clock.now = end;
}

/** The part of the `vscode` API that the extension uses. */
function editor({ settings = {}, isTrusted = true, remembered = {}, known = {}, tabs = [], terminals = [], answer = undefined } = {}) {
    const declared = Object.entries(manifest.contributes.configuration.properties);
    const values = { ...Object.fromEntries(declared.map(([name, setting]) => [name, setting.default])), ...settings };
    const seen = { commands: [], contexts: {}, messages: [], terminals: [], opened: [], logged: [], statusBar: [] };
    const registered = new Map();
    const memory = new Map(Object.entries(remembered));
    const memento = (kept) => ({
        get: (key, otherwise) => (kept.has(key) ? kept.get(key) : otherwise),
        update: async (key, value) => kept.set(key, value),
    });
    /** What is kept of the workspace. */
    const workspace = new Map(Object.entries(known));
    const events = Object.fromEntries(
        ['closed', 'integrated', 'started', 'ended', 'configured', 'trusted', 'tabs'].map((name) => [name, emitter()]),
    );
    const message = (level) => async (text) => {
        seen.messages.push({ level, text });
        return answer;
    };
    const missing = {
        isShown: false,
        show: () => (missing.isShown = true),
        hide: () => (missing.isShown = false),
        dispose: () => {},
    };
    const changed = (change) => events.tabs.fire({ opened: [], changed: [], closed: [], ...change });
    /** In front of all others. */
    const show = (tab) => {
        const before = tabs.filter((one) => one.isActive);
        before.forEach((one) => (one.isActive = false));
        tabs.push({ ...tab, isActive: true });
        changed({ opened: tabs.slice(-1), changed: before });
    };
    const group = {
        tabs,
        get activeTab() {
            return tabs.find((tab) => tab.isActive);
        },
    };
    const vscode = {
        StatusBarAlignment: { Left: 1 },
        ThemeIcon: class {},
        Uri: { parse: (text) => text },
        commands: {
            registerCommand: (name, run) => {
                registered.set(name, run);
                return { dispose: () => registered.delete(name) };
            },
            executeCommand: async (name, ...args) => {
                seen.commands.push([name, ...args]);
                if (name === 'setContext') {
                    seen.contexts[args[0]] = args[1];
                } else if (name === 'workbench.action.openWalkthrough') {
                    show(LESSON);
                }
            },
        },
        env: { shell: '/bin/bash', openExternal: async (address) => seen.opened.push(address) },
        window: {
            terminals,
            tabGroups: { all: [group], activeTabGroup: group, onDidChangeTabs: events.tabs.event },
            createOutputChannel: () => {
                const log = (text) => seen.logged.push(String(text));
                return { info: log, warn: log, error: log, show: () => {}, dispose: () => {} };
            },
            createStatusBarItem: () => missing,
            createTerminal: (options) => {
                const terminal = fakeTerminal(options, events);
                seen.terminals.push(terminal);
                return terminal;
            },
            onDidCloseTerminal: events.closed.event,
            onDidChangeTerminalShellIntegration: events.integrated.event,
            onDidStartTerminalShellExecution: events.started.event,
            onDidEndTerminalShellExecution: events.ended.event,
            setStatusBarMessage: (text) => seen.statusBar.push(text),
            showErrorMessage: message('error'),
            showInformationMessage: message('information'),
            showWarningMessage: message('warning'),
        },
        workspace: {
            get isTrusted() {
                return isTrusted;
            },
            workspaceFolders: [{ uri: { scheme: 'file', fsPath: root } }],
            getConfiguration: (section) => ({ get: (name) => values[`${section}.${name}`] }),
            onDidChangeConfiguration: events.configured.event,
            onDidGrantWorkspaceTrust: events.trusted.event,
        },
    };
    const context = {
        extension: { id: `${manifest.publisher}.${manifest.name}`, packageJSON: manifest },
        globalState: memento(memory),
        workspaceState: memento(workspace),
        subscriptions: [],
    };
    return {
        vscode, context, seen, registered, memory, workspace, events, missing, values, tabs,
        trust: () => {
            isTrusted = true;
            events.trusted.fire();
        },
        show,
        configure: (...names) => events.configured.fire({ affectsConfiguration: (name) => names.includes(name) }),
        openLesson: () => registered.get('pgedge-bootstrap.open')(),
        close: () => changed({ closed: tabs.splice(0) }),
        run: (...link) => registered.get('pgedge-bootstrap.run')(...link),
        dispose: () => context.subscriptions.forEach((one) => one.dispose()),
    };
}

/** As extensions are told of a walkthrough's tab, and of another one: neither is of a kind that they know. */
const LESSON = { label: 'Welcome', input: undefined };
const SETTINGS = { label: 'Settings', input: undefined };

/** The program: what it was asked, and answers that a test gives. */
function program() {
    const asked = [];
    mock.method(childProcess, 'execFile', (file, args, options, done) => {
        const call = { file, args, cwd: options.cwd, killed: [], isOver: false };
        const end = (error, stdout = '', stderr = '') => {
            call.isOver = true;
            done(error, stdout, stderr);
        };
        const failed = (fields) => Object.assign(new Error('execFile'), fields);
        call.says = (stdout, code = 0, stderr = '') => end(code === 0 ? null : failed({ code }), stdout, stderr);
        call.answers = (answer, code = 0) => call.says(JSON.stringify(answer), code);
        call.isMissing = () => end(failed({ code: 'ENOENT' }));
        call.dies = (signal) => end(failed({ code: null, signal }));
        call.verifies = (...rows) => {
            const ok = rows.every(([, state]) => state === 'done');
            call.answers({ schema: 1, ok, steps: rows.map(row) }, ok ? 0 : 1);
        };
        asked.push(call);
        return { kill: (signal) => call.killed.push(signal) };
    });
    return {
        asked,
        /** The one that has not been answered. */
        get open() {
            const open = asked.filter((call) => !call.isOver);
            if (open.length !== 1) {
                throw new Error(`${open.length} programs run: ${open.map((call) => call.args.join(' ')).join('; ')}`);
            }
            return open[0];
        },
        /** The one that is asked this, and has not answered. */
        asks: (question) => asked.find((call) => !call.isOver && call.args[0] === question),
        get running() {
            return asked.filter((call) => !call.isOver).length;
        },
    };
}

/** As `verify` prints it. */
function row([id, state, detail = '']) {
    return { id, title: id, stage: null, state, detail, failure: null, hint: null };
}

const ENVIRONMENT = { schema: 1, KUBECONFIG: '/k', PGEDGE_CHART: '/c', bin: '/b' };

/** The module as new, with this editor as its `vscode`. */
function load(file, vscode) {
    for (const known of Object.keys(require.cache)) {
        if (known.startsWith(root) && !known.startsWith(__dirname)) {
            delete require.cache[known];
        }
    }
    const original = Module._load;
    Module._load = (request, ...rest) => (request === 'vscode' ? vscode : original(request, ...rest));
    try {
        return require(path.join(root, file));
    } finally {
        Module._load = original;
    }
}

/** The extension as it is when its start is over, in an editor where its program answers. */
async function started(options = {}) {
    const here = editor({ settings: { 'pgedge-bootstrap.openAtStart': 'never', ...options.settings }, ...without(options, 'settings') });
    const answers = program();
    await load('extension.js', here.vscode).activate(here.context);
    return { ...here, program: answers };
}

function without(object, name) {
    const { [name]: _, ...rest } = object;
    return rest;
}

/** A click on the button of a command, and the program answers that it is there. */
async function click(here, step, number) {
    const over = here.run('active-active', step, number);
    await settle();
    here.program.asks('env').answers(ENVIRONMENT);
    await over;
}

/** A click that opens the terminal, whose shell then says that it can be asked, and has been told where the tools are. */
async function clickAndBegin(here, step, number) {
    await click(here, step, number);
    const [terminal] = here.seen.terminals;
    terminal.integrate();
    terminal.end();
    return terminal;
}

const texts = (terminal) => terminal.executed.map(({ commandLine }) => commandLine.value);

/** What a new shell is told first. */
const FIRST = 'eval "$(pgedge-bootstrap env)"';

module.exports = {
    ENVIRONMENT, FIRST, LESSON, SETTINGS, click, clickAndBegin, editor, load, manifest, pass, program, root, settle, started,
    stopTheClock, texts,
};
