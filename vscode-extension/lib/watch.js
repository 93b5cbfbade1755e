'use strict';

// Looks again and again which steps are done, while somebody is at it: soon after something happened, then less and less
// often. There is never more than one look at a time.

/** The pause after something happened, the longest one while that is recent, and the longest one at all. In milliseconds. */
const SOON = 2_000;
const SELDOM = 30_000;
const RARELY = 5 * 60_000;

/** By how much a pause grows when a look has found nothing new. */
const GROWTH = 1.5;

/** How long something that happened is recent: a reason to look, even if the lesson is not open. In milliseconds. */
const RECENTLY = 15 * 60_000;

class Watch {
    /**
     * @param {object} with_
     * @param {(signal: AbortSignal) => Promise<{news: boolean, left: boolean}>} with_.look takes one look: whether it found
     *   something new, and whether anything is left to be looked for
     * @param {() => boolean} with_.isOpen whether a lesson is being shown
     * @param {() => boolean} with_.isWanted whether to look at all
     * @param {(error: unknown) => 'try again' | 'give up'} with_.failed
     */
    constructor({ look, isOpen, isWanted, failed }) {
        this.look = look;
        this.isOpen = isOpen;
        this.isWanted = isWanted;
        this.failed = failed;
        this.pause = SOON;
        this.isRecent = false;
        this.woken = false;
        this.isLooking = false;
        this.end = new AbortController();
        /** @type {NodeJS.Timeout | undefined} */
        this.timer = undefined;
        /** @type {NodeJS.Timeout | undefined} */
        this.recent = undefined;
    }

    /** Something happened that may have made a step true. */
    wake() {
        if (this.end.signal.aborted) {
            return;
        }
        this.isRecent = true;
        clearTimeout(this.recent);
        this.recent = setTimeout(() => (this.isRecent = false), RECENTLY);
        this.renew();
    }

    /** What a look finds may be different now. That is a reason to look soon, if there is one to look at all. */
    renew() {
        this.pause = SOON;
        this.woken = true;
        this.#schedule();
    }

    dispose() {
        this.end.abort();
        clearTimeout(this.timer);
        clearTimeout(this.recent);
    }

    #schedule() {
        clearTimeout(this.timer);
        // A look that is under way schedules the next one itself.
        if (this.isLooking || this.end.signal.aborted || !this.isWanted() || !(this.isOpen() || this.isRecent)) {
            return;
        }
        this.timer = setTimeout(() => void this.#tick(), this.pause);
    }

    async #tick() {
        this.isLooking = true;
        this.woken = false;
        let goesOn = true;
        let news = false;
        try {
            const found = await this.look(this.end.signal);
            goesOn = found.left;
            news = found.news;
        } catch (error) {
            goesOn = !this.end.signal.aborted && this.failed(error) === 'try again';
        } finally {
            this.isLooking = false;
        }
        if (news) {
            this.pause = SOON;
        } else if (!this.woken) {
            this.pause = Math.min(this.pause * GROWTH, this.isRecent ? SELDOM : RARELY);
        }
        if (goesOn || this.woken) {
            this.#schedule();
        }
    }
}

module.exports = { RARELY, RECENTLY, SELDOM, SOON, Watch };
