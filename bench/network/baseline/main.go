// The application to compare with: as small as a Go application can be that checks who sent a
// transaction and keeps it safely. One Ed25519 check and one synced write for each.
//
//	baseline serve -socket FILE -folder FOLDER [-sync each|block]
//	baseline make -count N [-least 460] [-most 600] [-senders 100] [-seed TEXT] > FILE
//
// `serve` answers CometBFT (proxy_app = "unix://FILE"). `make` writes signed transactions, one a
// line in base64, the same ones for the same arguments.
package main

import (
	"bufio"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/cometbft/cometbft/abci/server"
)

const usage = "usage: baseline serve|make [flags]; flags: baseline serve -h, baseline make -h"

func main() {
	run := map[string]func([]string) error{"serve": serve, "make": produce}
	if len(os.Args) < 2 || run[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
	if err := run[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "baseline:", err)
		os.Exit(1)
	}
}

func serve(arguments []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	socket := flags.String("socket", "", "the Unix socket on which to answer CometBFT")
	folder := flags.String("folder", "", "the folder of the database")
	sync := flags.String("sync", "each", "each: a synced write per transaction; block: one per block")
	_ = flags.Parse(arguments)
	if *socket == "" || *folder == "" || (*sync != "each" && *sync != "block") {
		return errors.New("serve needs -socket, -folder, and -sync each or block")
	}
	app, err := open(*folder, *sync == "each")
	if err != nil {
		return err
	}
	// A socket file that a killed process left behind would keep the new one from listening.
	if err := os.Remove(*socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listening := server.NewSocketServer("unix://"+*socket, app)
	if err := listening.Start(); err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	<-stop
	if err := listening.Stop(); err != nil {
		return err
	}
	return app.Close()
}

func produce(arguments []string) error {
	flags := flag.NewFlagSet("make", flag.ExitOnError)
	count := flags.Int("count", 10_000, "how many transactions")
	least := flags.Int("least", 460, "the smallest transaction, in bytes")
	most := flags.Int("most", 600, "the largest transaction, in bytes")
	senders := flags.Int("senders", 100, "how many keys sign, in turn")
	seed := flags.String("seed", "baseline", "what keys and payloads are made from")
	_ = flags.Parse(arguments)
	if *count < 0 || *senders < 1 || *least < smallest || *most < *least {
		return fmt.Errorf("make needs at least one sender and %d <= -least <= -most", smallest)
	}
	out := bufio.NewWriter(os.Stdout)
	maker := newMaker(*seed, *senders)
	for n := 0; n < *count; n++ {
		line := base64.StdEncoding.EncodeToString(maker.next(*least, *most))
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return out.Flush()
}
