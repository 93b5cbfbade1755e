'use strict';

// Where there is a machine below the window: the lesson's commands run in a terminal, and its steps are ticked when the
// program says that they are done. `web.js` is the same where there is none.

const os = require('node:os');
const path = require('node:path');
const vscode = require('vscode');

const { commandOf, doneKey, lessonsOf } = require('./lib/lessons');
const { Program, ProgramMissing } = require('./lib/program');
const { LessonTerminal } = require('./lib/terminal');
const { Watch } = require('./lib/watch');

const HOW_TO_INSTALL = 'https://github.com/pgEdge/pgedge-bootstrap#readme';

/** What is kept of a workspace where the lesson was shown: the label of the tab in which it was clicked, or nothing. */
const SHOWN = 'shown';

/** @typedef {import('./lib/program').Row} Row */

class Extension {
    /** @param {vscode.ExtensionContext} context */
    constructor(context) {
        this.context = context;
        const { packageJSON } = context.extension;
        this.lessons = lessonsOf(packageJSON, (lesson) => require(`./commands/${lesson}.json`));
        this.log = vscode.window.createOutputChannel('pgEdge', { log: true });
        this.program = new Program(() => setting('program'));
        /** The steps that are known to be done. @type {Set<string>} */
        this.done = new Set();
        /** The clicks until now, in their order: none is rejected. */
        this.clicks = Promise.resolve();
        this.end = new AbortController();
        this.watch = new Watch({
            look: (signal) => this.look(signal),
            isOpen: () => this.isOpen(),
            isWanted: () => vscode.workspace.isTrusted && setting('watchProgress'),
            failed: (error) => this.failed(error),
        });
        this.terminal = new LessonTerminal({
            options: () => this.terminalOptions(),
            preamble: () => `eval "$(${quoted(setting('program'))} env)"`,
            ended: () => this.watch.wake(),
        });
        this.missing = vscode.window.createStatusBarItem('pgedge-bootstrap.missing', vscode.StatusBarAlignment.Left);
        this.missing.name = 'pgEdge';
        this.missing.text = '$(warning) pgEdge: program missing';
        this.missing.tooltip = 'The program pgedge-bootstrap is not on this machine. Select this to read how to install it.';
        this.missing.accessibilityInformation = { label: 'pgEdge: the program pgedge-bootstrap is missing. How to install it' };
        this.missing.command = 'pgedge-bootstrap.showMissing';
    }

    register() {
        this.context.subscriptions.push(
            { dispose: () => this.end.abort() },
            this.watch,
            this.terminal,
            this.missing,
            vscode.commands.registerCommand('pgedge-bootstrap.run', (...link) => this.run(link)),
            vscode.commands.registerCommand('pgedge-bootstrap.open', () => this.open()),
            vscode.commands.registerCommand('pgedge-bootstrap.showMissing', () => this.showMissing()),
            vscode.workspace.onDidChangeConfiguration(
                (change) => change.affectsConfiguration('pgedge-bootstrap') && this.reconfigured(change),
            ),
            vscode.workspace.onDidGrantWorkspaceTrust(() => this.watch.renew()),
            vscode.window.tabGroups.onDidChangeTabs(
                ({ opened, changed }) => [...opened, ...changed].some((tab) => this.isLesson(tab)) && this.watch.wake(),
            ),
            // Who types the commands into another terminal does the lesson, too.
            vscode.window.onDidEndTerminalShellExecution(() => this.isOpen() && this.watch.wake()),
            this.log,
        );
        // After a reload of the window, or when a Codespace goes on, its tabs are there again.
        if (this.isOpen()) {
            this.watch.wake();
        }
    }

    reconfigured(/** @type {vscode.ConfigurationChangeEvent} */ change) {
        if (change.affectsConfiguration('pgedge-bootstrap.program')) {
            // That was said of another one.
            this.missing.hide();
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
        await this.shown(undefined);
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
        // There it was clicked.
        await this.shown(vscode.window.tabGroups.activeTabGroup.activeTab);
        if (!(await this.isTrusted())) {
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
        this.missing.hide();
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

    /** Whether anything may run here. If not, the person is told how it may. */
    async isTrusted() {
        if (vscode.workspace.isTrusted) {
            return true;
        }
        const trust = 'Manage Workspace Trust';
        const said = 'The program and the commands of the lesson run in the folder of this workspace. Trust it first.';
        if ((await vscode.window.showWarningMessage(said, trust)) === trust) {
            await vscode.commands.executeCommand('workbench.trust.manage');
        }
        return false;
    }

    /** Says which steps are not done, and why; or how the program is installed. */
    async showMissing() {
        if (!(await this.isTrusted())) {
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
        this.missing.hide();
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
        this.missing.hide();
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

    /** A look has failed. What is missing stays so until somebody does something; everything else may pass. */
    failed(/** @type {unknown} */ error) {
        if (error instanceof ProgramMissing) {
            this.log.info(error.message);
            this.missing.show();
            return 'give up';
        }
        this.log.error(/** @type {Error} */ (error));
        return 'try again';
    }

    async explain(/** @type {unknown} */ error) {
        if (this.end.signal.aborted) {
            return;
        }
        if (error instanceof ProgramMissing) {
            this.log.info(error.message);
            this.missing.show();
            const install = 'How to Install It';
            const said = `The lesson needs the program pgedge-bootstrap, and ${error.message}.`;
            if ((await vscode.window.showErrorMessage(said, install)) === install) {
                await vscode.env.openExternal(vscode.Uri.parse(HOW_TO_INSTALL));
            }
            return;
        }
        this.log.error(/** @type {Error} */ (error));
        const details = 'Show Details';
        if ((await vscode.window.showErrorMessage('pgedge-bootstrap did not answer.', details)) === details) {
            this.log.show();
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

    async shown(/** @type {vscode.Tab | undefined} */ tab) {
        const memory = this.context.workspaceState;
        const label = tab?.input === undefined ? tab?.label : undefined;
        await memory.update(SHOWN, label ?? memory.get(SHOWN, ''));
    }

    isOpen() {
        return vscode.window.tabGroups.all.some((group) => group.tabs.some((tab) => this.isLesson(tab)));
    }

    /**
     * Extensions are not told which tab is a walkthrough. It is of no kind that they know, as are settings, and in most editors
     * it is labelled as every walkthrough is, in the person's language. So it is one that is labelled as that where something
     * was clicked; before that, any of no kind, once the lesson was shown in this workspace.
     *
     * @param {vscode.Tab} tab
     */
    isLesson(tab) {
        const label = this.context.workspaceState.get(SHOWN);
        if (label === undefined || tab.input !== undefined) {
            return false;
        }
        return label === '' || tab.label === label || tab.label.includes(this.context.extension.packageJSON.displayName);
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
