'use strict';

// Where there is a machine below the window: the lesson's commands run in a terminal, and its steps are ticked when the
// program says that they are done. `web.js` is the same where there is none.

const os = require('node:os');
const path = require('node:path');
const vscode = require('vscode');

const { commandOf, doneKey, lessonsOf } = require('./lib/lessons');
const { Program } = require('./lib/program');
const { LessonTabs } = require('./lib/tabs');
const { LessonTerminal } = require('./lib/terminal');
const { Trouble } = require('./lib/trouble');
const { Watch } = require('./lib/watch');

/** @typedef {import('./lib/program').Row} Row */

class Extension {
    /** @param {vscode.ExtensionContext} context */
    constructor(context) {
        this.context = context;
        const { packageJSON } = context.extension;
        this.lessons = lessonsOf(packageJSON, (lesson) => require(`./commands/${lesson}.json`));
        this.log = vscode.window.createOutputChannel('pgEdge', { log: true });
        this.program = new Program(() => setting('program'));
        this.trouble = new Trouble(this.log);
        this.tabs = new LessonTabs({
            memory: context.workspaceState,
            name: packageJSON.displayName,
            failed: (error) => this.log.error(error),
        });
        /** The steps that are known to be done. @type {Set<string>} */
        this.done = new Set();
        /** The clicks until now, in their order: none is rejected. */
        this.clicks = Promise.resolve();
        this.end = new AbortController();
        this.watch = new Watch({
            look: (signal) => this.look(signal),
            isOpen: () => this.tabs.isOpen,
            isWanted: () => vscode.workspace.isTrusted && setting('watchProgress'),
            failed: (error) => this.trouble.failed(error),
        });
        this.terminal = new LessonTerminal({
            options: () => this.terminalOptions(),
            preamble: () => `eval "$(${quoted(setting('program'))} env)"`,
            ended: () => this.watch.wake(),
        });
    }

    register() {
        this.context.subscriptions.push(
            { dispose: () => this.end.abort() },
            this.watch,
            this.terminal,
            this.trouble,
            vscode.commands.registerCommand('pgedge-bootstrap.run', (...link) => this.run(link)),
            vscode.commands.registerCommand('pgedge-bootstrap.open', () => this.open()),
            vscode.commands.registerCommand('pgedge-bootstrap.showMissing', () => this.showMissing()),
            vscode.workspace.onDidChangeConfiguration(
                (change) => change.affectsConfiguration('pgedge-bootstrap') && this.reconfigured(change),
            ),
            vscode.workspace.onDidGrantWorkspaceTrust(() => this.watch.renew()),
            vscode.window.tabGroups.onDidChangeTabs(
                ({ opened, changed }) => [...opened, ...changed].some((tab) => this.tabs.isLesson(tab)) && this.watch.wake(),
            ),
            // Who types the commands into another terminal does the lesson, too.
            vscode.window.onDidEndTerminalShellExecution(() => this.tabs.isOpen && this.watch.wake()),
            this.log,
        );
        // After a reload of the window, or when a Codespace goes on, its tabs are there again.
        if (this.tabs.isOpen) {
            this.watch.wake();
        }
    }

    reconfigured(/** @type {vscode.ConfigurationChangeEvent} */ change) {
        if (change.affectsConfiguration('pgedge-bootstrap.program')) {
            // That was said of another one.
            this.trouble.isNotMissing();
        }
        this.watch.renew();
    }

    /** Opens the first lesson, the first time. */
    async openOnce() {
        const key = 'opened';
        const wish = setting('openAtStart');
        if (wish === 'never' || this.context.globalState.get(key)) {
            return;
        }
        if (wish === 'whenInstalled' && !(await this.isInstalled())) {
            return;
        }
        try {
            await this.open();
        } catch (error) {
            this.log.error(/** @type {Error} */ (error));
            return;
        }
        await this.context.globalState.update(key, true);
    }

    async open() {
        const [lesson] = this.lessons.keys();
        await vscode.commands.executeCommand('workbench.action.openWalkthrough', `${this.context.extension.id}#${lesson}`, false);
        this.tabs.shown();
        this.watch.wake();
    }

    /** @param {unknown[]} link */
    async run(link) {
        const command = commandOf(this.lessons, link);
        if (command === undefined) {
            this.log.warn(`a link asked for a command that is not in the lesson: ${JSON.stringify(link)}`);
            void vscode.window.showErrorMessage('This link does not name a command of the lesson, so nothing was run.');
            return;
        }
        this.tabs.clicked();
        if (!vscode.workspace.isTrusted) {
            await this.trouble.askForTrust();
            return;
        }
        const click = this.clicks.then(() => this.clicked(command));
        // Who explains an error may wait for an answer. The next click does not.
        this.clicks = click.catch(() => {});
        try {
            await click;
        } catch (error) {
            await this.explain(error);
        }
    }

    /** @param {string} command of the lesson */
    async clicked(command) {
        await this.program.check(folder(), this.end.signal);
        this.trouble.isNotMissing();
        const said = {
            runs: undefined,
            waits: 'pgEdge: this runs when what runs in the terminal has ended',
            'runs already': 'pgEdge: this runs already',
        }[this.terminal.run(command)];
        if (said !== undefined) {
            vscode.window.setStatusBarMessage(said, 5_000);
        }
        this.watch.wake();
    }

    /** Says which steps are not done, and why; or how the program is installed. */
    async showMissing() {
        if (!vscode.workspace.isTrusted) {
            await this.trouble.askForTrust();
            return;
        }
        const all = this.subjects();
        /** @type {Row[]} */
        let rows;
        try {
            rows = await this.program.verify(all, this.folder(), this.end.signal);
        } catch (error) {
            await this.explain(error);
            return;
        }
        this.trouble.isNotMissing();
        for (const { id, state, detail, hint } of rows) {
            this.log.info(`${id}: ${state}: ${detail}${hint ? ` (hint: ${hint})` : ''}`);
        }
        await this.publish(rows);
        const next = rows.find((row) => row.state !== 'done');
        const done = rows.filter((row) => row.state === 'done').length;
        const said = next ? `${done} of ${rows.length} steps are done. ${next.title}: ${next.detail}` : 'All steps are done.';
        const details = 'Show Details';
        if ((await vscode.window.showInformationMessage(`pgEdge: ${said}`, details)) === details) {
            this.log.show();
        }
    }

    /** @param {AbortSignal} signal */
    async look(signal) {
        const open = this.subjects().filter((subject) => !this.done.has(subject));
        if (open.length === 0) {
            return { news: false, left: false };
        }
        const rows = await this.program.verify(open, this.folder(), signal);
        this.trouble.isNotMissing();
        const news = await this.publish(rows);
        return { news, left: this.done.size < this.subjects().length };
    }

    /**
     * Ticks what the program says is done, and nothing else.
     *
     * @param {Row[]} rows
     * @returns {Promise<boolean>} whether any of it was not known
     */
    async publish(rows) {
        const asked = new Set(this.subjects());
        const news = rows.filter(({ id, state }) => state === 'done' && asked.has(id) && !this.done.has(id));
        for (const { id } of news) {
            if (this.end.signal.aborted) {
                return false;
            }
            const [lesson, step] = id.split('/');
            await vscode.commands.executeCommand('setContext', doneKey(lesson, step), true);
            this.done.add(id);
            this.log.info(`${id} is done`);
        }
        return news.length > 0;
    }

    async explain(/** @type {unknown} */ error) {
        if (!this.end.signal.aborted) {
            await this.trouble.explain(error);
        }
    }

    async isInstalled() {
        try {
            await this.program.check(os.homedir(), this.end.signal);
            return true;
        } catch (error) {
            this.log.info(`the lesson does not open by itself: ${error}`);
            return false;
        }
    }

    subjects() {
        return [...this.lessons.values()].flatMap((lesson) => [...lesson.steps.keys()].map((step) => `${lesson.id}/${step}`));
    }

    /** The steps are looked at where their commands are run. */
    folder() {
        return this.terminal.folder ?? folder();
    }

    /** @returns {vscode.TerminalOptions} */
    terminalOptions() {
        const program = setting('program');
        const places = path.isAbsolute(program) ? [path.dirname(program), process.env.PATH ?? ''] : undefined;
        return {
            cwd: folder(),
            env: places && { PATH: places.join(path.delimiter) },
            iconPath: new vscode.ThemeIcon('mortar-board'),
            // The lesson is written for bash; zsh understands it, too.
            shellPath: /^(ba|z)sh$/.test(path.basename(vscode.env.shell)) ? vscode.env.shell : 'bash',
        };
    }
}

function folder() {
    const first = vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === 'file');
    return first?.uri.fsPath ?? os.homedir();
}

/** @param {'program' | 'openAtStart' | 'watchProgress'} name */
function setting(name) {
    return /** @type {any} */ (vscode.workspace.getConfiguration('pgedge-bootstrap').get(name));
}

/** @param {string} word for a shell */
function quoted(word) {
    return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** @param {vscode.ExtensionContext} context */
async function activate(context) {
    const extension = new Extension(context);
    extension.register();
    await extension.openOnce();
}

module.exports = { activate };
