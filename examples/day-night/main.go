// Day-night brings a cluster up in the morning and down at night.
//
//	day-night -cluster 0712-083015-bonk12 up            now, whatever the time
//	day-night -cluster 0712-083015-bonk12 down
//	day-night -cluster 0712-083015-bonk12               what the clock says, once: for cron and the like
//	day-night -cluster 0712-083015-bonk12 -loop         what the clock says, until it is stopped
//
// The clock is that of -up, -down, -zone and -weekdays.
//
// Without DATABRICKS_HOST it does so on a workspace in memory, with a cluster
// that it makes there; with DATABRICKS_HOST and DATABRICKS_TOKEN set, on that
// workspace:
//
//	go run ./examples/day-night -up 07:00 -down 19:00 -zone Europe/Berlin
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
	_ "time/tzdata" // for machines that know of no time zones

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "day-night:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("day-night", flag.ContinueOnError)
	n := nightWatch{out: out}
	flags.StringVar(&n.cluster, "cluster", os.Getenv("DATABRICKS_CLUSTER_ID"), "`id` of the cluster")
	flags.IntVar(&n.workers, "workers", 0, "`number` of workers that it is brought up with; 0 for as many as it had")
	flags.Func("up", "`time` to bring it up at (default 07:00)", n.hours.up.set)
	flags.Func("down", "`time` to take it down at (default 19:00)", n.hours.down.set)
	flags.BoolVar(&n.hours.weekdays, "weekdays", false, "leave it down on Saturday and Sunday")
	zone := flags.String("zone", "Local", "`zone` that the times are of, such as Europe/Berlin")
	loop := flags.Bool("loop", false, "go on until stopped")
	n.hours.up, n.hours.down = 7*60, 19*60
	if err := flags.Parse(args); err != nil {
		return err
	}
	word := flags.Arg(0)
	if flags.NArg() > 1 || word != "" && word != "up" && word != "down" || word != "" && *loop {
		return errors.New("want one of up, down, -loop, or none of them")
	}
	if n.hours.up == n.hours.down {
		return errors.New("-up and -down are the same")
	}
	if n.hours.zone, err = time.LoadLocation(*zone); err != nil {
		return err
	}

	if os.Getenv("DATABRICKS_HOST") == "" {
		fmt.Fprintln(out, "DATABRICKS_HOST is not set: this is a workspace in memory.")
		server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot())
		defer server.Close()
		n.client = server.Client()
		n.cluster, err = n.client.Clusters.Create(ctx, databricks.CreateCluster{
			ClusterName: "shared", SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(1),
		})
	} else {
		n.client, err = databricks.NewClient(databricks.WithUserAgent("day-night", "1"))
	}
	if err != nil {
		return err
	}
	if n.cluster == "" {
		return errors.New("say which -cluster")
	}
	if *loop {
		return n.loop(ctx)
	}
	day, _ := n.hours.at(time.Now())
	return n.bring(ctx, word == "up" || word == "" && day)
}

type nightWatch struct {
	client  *databricks.Client
	out     io.Writer
	cluster string
	workers int
	hours   hours
}

func (n *nightWatch) say(format string, args ...any) {
	fmt.Fprintf(n.out, "%s %s "+format+"\n", append([]any{time.Now().In(n.hours.zone).Format("Mon 15:04:05"), n.cluster}, args...)...)
}

// loop does what is due, now and at each time to come. What fails is tried again
// every five minutes, until it is time for something else.
func (n *nightWatch) loop(ctx context.Context) error {
	for {
		day, next := n.hours.at(time.Now())
		due, cancel := context.WithDeadline(ctx, next)
		err := n.bring(due, day)
		cancel()
		if ctx.Err() != nil {
			return nil // stopped
		}
		wait := time.Until(next)
		if err != nil {
			n.say("%v", err)
			wait = min(wait, 5*time.Minute)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
	}
}

// bring brings the cluster up or down, and waits until it is.
func (n *nightWatch) bring(ctx context.Context, up bool) error {
	if !up {
		if err := n.client.Clusters.Delete(ctx, n.cluster); err != nil { // terminates it: it can be started again
			return err
		}
		_, err := n.client.Clusters.WaitTerminated(ctx, n.cluster)
		if err == nil {
			n.say("is down")
		}
		return err
	}
	cluster, err := n.client.Clusters.EnsureRunning(ctx, n.cluster)
	if err != nil {
		return err
	}
	if n.workers > 0 && cluster.Workers() != n.workers {
		if err := n.client.Clusters.Resize(ctx, databricks.ResizeCluster{ClusterID: n.cluster, NumWorkers: new(n.workers)}); err != nil {
			return err
		}
		if cluster, err = n.client.Clusters.WaitRunning(ctx, n.cluster); err != nil {
			return err
		}
	}
	n.say("is up, with %d workers", len(cluster.Executors))
	return nil
}

// hours say when a cluster is up.
type hours struct {
	up, down minutes
	weekdays bool
	zone     *time.Location
}

// at tells whether the cluster is to be up at a time, and when that changes.
func (h hours) at(now time.Time) (up bool, next time.Time) {
	type change struct {
		at time.Time
		up bool
	}
	var last, first change // before and after now
	today := now.In(h.zone)
	for day := -7; day <= 7; day++ {
		morning, evening := h.up.on(today, day), h.down.on(today, day)
		for _, c := range []change{{morning, true}, {evening, false}} {
			switch free := c.at.Weekday() == time.Saturday || c.at.Weekday() == time.Sunday; {
			case c.up && free && h.weekdays:
			case !c.at.After(now):
				if c.at.After(last.at) {
					last = c
				}
			case first.at.IsZero() || c.at.Before(first.at):
				first = c
			}
		}
	}
	return last.up, first.at
}

// minutes are a time of day, by a clock on the wall.
type minutes int

func (m *minutes) set(s string) error {
	t, err := time.Parse("15:04", s)
	*m = minutes(t.Hour()*60 + t.Minute())
	return err
}

// on returns the time so many days after a day, whether that has 24 hours or not.
func (m minutes) on(t time.Time, days int) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day()+days, 0, int(m), 0, 0, t.Location())
}
