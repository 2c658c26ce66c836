// Day-night starts a cluster in the morning and terminates it at night.
//
//	day-night -cluster 0712-083015-bonk12 up            start it now
//	day-night -cluster 0712-083015-bonk12 down          terminate it now
//	day-night -cluster 0712-083015-bonk12               do what the schedule says, once; for cron
//	day-night -cluster 0712-083015-bonk12 -loop         follow the schedule until stopped
//
// The flags -up, -down, -zone and -weekdays define the schedule.
//
// Without DATABRICKS_HOST, it uses an in-memory workspace and creates a cluster there.
// With DATABRICKS_HOST and DATABRICKS_TOKEN, it uses that workspace:
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
	_ "time/tzdata" // for machines without a database of time zones

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
	flags.IntVar(&n.workers, "workers", 0, "`number` of workers to start it with; 0 for the number that it had")
	flags.Func("up", "`time` to start it (default 07:00)", n.hours.up.set)
	flags.Func("down", "`time` to terminate it (default 19:00)", n.hours.down.set)
	flags.BoolVar(&n.hours.weekdays, "weekdays", false, "do not start it on Saturday and Sunday")
	zone := flags.String("zone", "Local", "time `zone` of the schedule, such as Europe/Berlin")
	loop := flags.Bool("loop", false, "follow the schedule until stopped")
	n.hours.up, n.hours.down = 7*60, 19*60
	if err := flags.Parse(args); err != nil {
		return err
	}
	word := flags.Arg(0)
	if flags.NArg() > 1 || word != "" && word != "up" && word != "down" || word != "" && *loop {
		return errors.New("want up, down, -loop or none of these")
	}
	if n.hours.up == n.hours.down {
		return errors.New("-up and -down must differ")
	}
	if n.hours.zone, err = time.LoadLocation(*zone); err != nil {
		return err
	}

	if os.Getenv("DATABRICKS_HOST") == "" {
		fmt.Fprintln(out, "DATABRICKS_HOST is not set, so this uses an in-memory workspace.")
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
		return errors.New("-cluster is required")
	}
	if *loop {
		return n.loop(ctx)
	}
	day, _ := n.hours.at(time.Now())
	return n.setRunning(ctx, word == "up" || word == "" && day)
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

// loop starts and terminates the cluster at the scheduled times. It retries a failure
// every five minutes, until the next scheduled time.
func (n *nightWatch) loop(ctx context.Context) error {
	for {
		day, next := n.hours.at(time.Now())
		due, cancel := context.WithDeadline(ctx, next)
		err := n.setRunning(due, day)
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

// setRunning starts or terminates the cluster, and waits until that is done.
func (n *nightWatch) setRunning(ctx context.Context, running bool) error {
	if !running {
		if err := n.client.Clusters.Delete(ctx, n.cluster); err != nil { // terminates it; it can be started again
			return err
		}
		_, err := n.client.Clusters.WaitTerminated(ctx, n.cluster)
		if err == nil {
			n.say("is terminated")
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
	n.say("is running with %d workers", len(cluster.Executors))
	return nil
}

// hours are the schedule.
type hours struct {
	up, down minutes
	weekdays bool
	zone     *time.Location
}

// at reports whether the cluster should be running at a time, and when this changes.
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

// minutes are a local time of day, in minutes after midnight.
type minutes int

func (m *minutes) set(s string) error {
	t, err := time.Parse("15:04", s)
	*m = minutes(t.Hour()*60 + t.Minute())
	return err
}

// on returns this time of day, a number of days after t. It is correct on days that do
// not have 24 hours.
func (m minutes) on(t time.Time, days int) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day()+days, 0, int(m), 0, 0, t.Location())
}
