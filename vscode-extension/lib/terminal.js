'use strict';

// The terminal in which the lesson's commands run: one, which is shown and used again. Where the shell tells when a command
// has ended, the next one waits for that, so that no command reads what was meant for the shell.

const vscode = require('vscode');

const NAME = 'pgEdge lesson';

/** How long a new shell has to say that it can be asked. In milliseconds. */
const INTEGRATION = 5_000;

/** A command that takes longer than any of a lesson should is not waited for. In milliseconds. */
const COMMAND = 20 * 60_000;

class LessonTerminal {
    /**
     * @param {object} with_
     * @param {() => vscode.TerminalOptions} with_.options
     * @param {() => string} with_.preamble what a new shell is told first
     * @param {() => void} with_.ended a command has ended
     */
    constructor({ options, preamble, ended }) {
        this.options = options;
        this.preamble = preamble;
        this.ended = ended;
        /** @type {vscode.Terminal | undefined} */
        this.terminal = undefined;
        /** @type {string[]} */
        this.queue = [];
        /** @type {vscode.TerminalShellExecution | undefined} */
        this.running = undefined;
        /** What the shell was told first, and last. */
        this.first = '';
        this.current = '';
        this.isStarting = false;
        /** @type {NodeJS.Timeout | undefined} */
        this.timer = undefined;
        this.disposables = [
            vscode.window.onDidCloseTerminal((terminal) => terminal === this.terminal && this.#forget()),
            vscode.window.onDidChangeTerminalShellIntegration((event) => {
                if (event.terminal === this.terminal && this.isStarting) {
                    this.#started();
                }
            }),
            vscode.window.onDidEndTerminalShellExecution((event) => {
                if (event.execution === this.running) {
                    this.#next();
                }
                if (event.terminal === this.terminal) {
                    this.ended();
                }
            }),
        ];
    }

    /**
     * Runs the command as soon as those before it have ended.
     *
     * @param {string} command
     * @returns {boolean} whether another one of the lesson still runs
     */
    run(command) {
        const terminal = this.#open();
        // The person stays in the lesson, with the keyboard, too.
        terminal.show(true);
        const isFree = !this.isStarting && this.running === undefined;
        const waits = !isFree && this.current !== this.first;
        // Who clicks twice wants it once.
        if (this.queue.at(-1) !== command) {
            this.queue.push(command);
        }
        if (isFree) {
            this.#next();
        }
        return waits;
    }

    /** Where its shell is, if it tells. */
    get folder() {
        const folder = this.terminal?.shellIntegration?.cwd;
        return folder?.scheme === 'file' ? folder.fsPath : undefined;
    }

    dispose() {
        this.#forget();
        this.disposables.forEach((disposable) => disposable.dispose());
    }

    #open() {
        if (this.terminal === undefined) {
            // After a reload of the window the terminal is still there.
            const left = vscode.window.terminals.find((one) => one.name === NAME && one.exitStatus === undefined);
            this.terminal = left ?? vscode.window.createTerminal({ ...this.options(), name: NAME });
            this.first = this.preamble();
            this.current = this.first;
            this.queue = [this.first];
            this.isStarting = true;
            if (this.terminal.shellIntegration === undefined) {
                this.timer = setTimeout(() => this.#started(), INTEGRATION);
            } else {
                this.isStarting = false;
                this.#next();
            }
        }
        return this.terminal;
    }

    #started() {
        this.isStarting = false;
        this.#next();
    }

    #next() {
        clearTimeout(this.timer);
        this.running = undefined;
        for (let command = this.queue.shift(); command !== undefined; command = this.queue.shift()) {
            this.current = command;
            const integration = this.terminal?.shellIntegration;
            if (integration !== undefined) {
                this.running = integration.executeCommand(whole(command));
                this.timer = setTimeout(() => this.#next(), COMMAND);
                return;
            }
            this.terminal?.sendText(whole(command));
        }
    }

    #forget() {
        clearTimeout(this.timer);
        this.terminal = undefined;
        this.running = undefined;
        this.isStarting = false;
        this.queue = [];
    }
}

/**
 * A shell runs the first of several lines while it still has to read the second, which the first could read instead. It
 * reads to the closing brace before it runs anything.
 *
 * @param {string} command
 */
function whole(command) {
    return command.includes('\n') ? `{\n${command}\n}` : command;
}

module.exports = { COMMAND, INTEGRATION, LessonTerminal, NAME };
