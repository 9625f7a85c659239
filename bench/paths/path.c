/*
 * A long path between two networks: a cable of TAP devices that is slow, far and lossy.
 *
 *     path RTT_MS RATE_OCTETS_PER_S QUEUE_OCTETS LOSS_PERCENT SEED NEAR FAR
 *
 * NEAR and FAR name network namespaces. Each gets a device "path", to be put into a bridge.
 * A frame that comes out of one meets random loss, then a drop-tail queue in front of the
 * rate, then half the round trip, and goes into the other. The kernel hands frames over
 * segmented and with checksums, so no offload needs switching off.
 *
 * Frames are moved every half millisecond, those of both directions together: to wake up for
 * each of them took half a processor at 100 Mbit/s, and the stations at both ends share it.
 *
 * Writes "up" when the devices are there. Answers each line on its standard input with one
 * JSON object about what went towards NEAR since the line before, and ends when its
 * standard input does; the devices go with it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum {
    FRAME_MAX = 1600,
    FRAMES = 32768,    /* under way in one direction: 3 s of 100 Mbit/s in the longest frames */
    BURST = 64,        /* frames read before those that are due are written */
    DATA_OCTETS = 600, /* shorter frames are acknowledgements and signs of life */
    SLOTS = 20000,     /* of 0.1 ms: 2 s of queue */
};

struct frame {
    double due; /* when it comes out, in seconds */
    int octets;
    unsigned char data[FRAME_MAX];
};

struct direction {
    int from, to;
    struct frame *frames; /* a ring, in the order in which they are due */
    unsigned head, tail;
    double busy_until;    /* when the last octet in the queue has left */
    /* Since the last question: */
    unsigned long octets, frames_passed, frames_lost, frames_dropped, data_frames;
    unsigned waited[SLOTS]; /* data frames, by their time in the queue */
};

static const struct timespec tick = {0, 500000}; /* nanoseconds */

static double half_trip, rate, queue, loss;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int make_device(const char *namespace)
{
    char name[256];
    snprintf(name, sizeof name, "/run/netns/%s", namespace);
    int space = open(name, O_RDONLY);
    if (space < 0 || setns(space, CLONE_NEWNET))
        die(name);
    close(space);
    int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    if (device < 0)
        die("/dev/net/tun");
    struct ifreq asked;
    memset(&asked, 0, sizeof asked);
    strcpy(asked.ifr_name, "path");
    asked.ifr_flags = IFF_TAP | IFF_NO_PI;
    if (ioctl(device, TUNSETIFF, &asked))
        die("TUNSETIFF");
    return device;
}

static void note(struct direction *way, int octets, double waited)
{
    way->octets += octets;
    way->frames_passed++;
    if (octets >= DATA_OCTETS) {
        int slot = (int)(waited * 1e4);
        way->waited[slot < SLOTS ? slot : SLOTS - 1]++;
        way->data_frames++;
    }
}

/* Take what wants to enter; whether there was anything. */
static int enter(struct direction *way)
{
    int taken = 0;
    for (; taken < BURST; taken++) {
        static unsigned char spill[FRAME_MAX];
        struct frame *frame = &way->frames[way->head % FRAMES];
        int full = way->head - way->tail >= FRAMES;
        int octets = read(way->from, full ? spill : frame->data, FRAME_MAX);
        if (octets <= 0)
            break;
        double t = now(), begin = way->busy_until > t ? way->busy_until : t;
        if (loss > 0 && random() < loss * RAND_MAX) {
            way->frames_lost++;
        } else if (full || (begin - t) * rate + octets > queue) {
            way->frames_dropped++;
        } else {
            way->busy_until = begin + octets / rate;
            frame->due = way->busy_until + half_trip;
            frame->octets = octets;
            way->head++;
            note(way, octets, begin - t);
        }
    }
    return taken > 0;
}

/* Let out what is due; when the next one is, or a second from now. */
static double leave(struct direction *way)
{
    double t = now();
    for (; way->tail != way->head; way->tail++) {
        struct frame *frame = &way->frames[way->tail % FRAMES];
        if (frame->due > t)
            return frame->due;
        if (write(way->to, frame->data, frame->octets) < 0 && errno != EIO && errno != EAGAIN)
            die("write");
    }
    return t + 1;
}

static double below_which(const struct direction *way, double part)
{
    double left = part * way->data_frames;
    for (int slot = 0; slot < SLOTS; slot++)
        if ((left -= way->waited[slot]) < 0)
            return slot / 1e4;
    return 0;
}

static void tell(struct direction *way)
{
    printf("{\"octets\": %lu, \"frames\": %lu, \"lost\": %lu, \"dropped\": %lu, "
           "\"queue_p50_s\": %.4f, \"queue_p95_s\": %.4f}\n",
           way->octets, way->frames_passed, way->frames_lost, way->frames_dropped,
           below_which(way, 0.5), below_which(way, 0.95));
    fflush(stdout);
    way->octets = way->frames_passed = way->frames_lost = way->frames_dropped = 0;
    way->data_frames = 0;
    memset(way->waited, 0, sizeof way->waited);
}

int main(int count, char **words)
{
    if (count != 8) {
        fputs("path RTT_MS RATE_OCTETS_PER_S QUEUE_OCTETS LOSS_PERCENT SEED NEAR FAR\n", stderr);
        return 2;
    }
    half_trip = atof(words[1]) / 2e3;
    rate = atof(words[2]);
    queue = atof(words[3]);
    loss = atof(words[4]) / 100;
    srandom((unsigned)atoi(words[5]));
    static struct direction inwards, outwards;
    inwards.to = outwards.from = make_device(words[6]);
    inwards.from = outwards.to = make_device(words[7]);
    inwards.frames = malloc(sizeof(struct frame) * FRAMES);
    outwards.frames = malloc(sizeof(struct frame) * FRAMES);
    if (!inwards.frames || !outwards.frames)
        die("malloc");
    prctl(PR_SET_TIMERSLACK, 1);
    puts("up");
    fflush(stdout);
    for (;;) {
        int moved = enter(&inwards) | enter(&outwards);
        double in = leave(&inwards), out = leave(&outwards);
        if (moved)
            nanosleep(&tick, NULL); /* meanwhile more come, and more are due */
        double wait = moved ? 0 : (in < out ? in : out) - now();
        if (wait < 0)
            wait = 0;
        struct timespec most = {(time_t)wait, (long)((wait - (long)wait) * 1e9)};
        struct pollfd polled[] = {
            {inwards.from, POLLIN, 0}, {outwards.from, POLLIN, 0}, {0, POLLIN, 0}};
        if (ppoll(polled, 3, &most, NULL) < 0)
            die("ppoll");
        if (polled[2].revents) {
            char line[64];
            if (read(0, line, sizeof line) <= 0)
                return 0;
            tell(&inwards);
        }
    }
}
