// Judge chains with CometBFT's own light client.
//
// Reads one JSON object a line: chain_id, period (how long a header is trusted, in seconds), now
// (RFC 3339), trusted_hash (hex) and blocks: header, commit and validators in the RPC's JSON, the
// trusted block first, heights rising. Writes one JSON object for each, with three verdicts:
//
//	steps       light.Verify from each block to the next, one verdict a step, up to a refusal
//	sequential  the whole client, every height from the first to the last; empty where one is left out
//	skipping    the whole client, from the first straight to the last, others only where it needs them
//
// A verdict is SUCCESS, or a refusal that begins with NOT_ENOUGH_TRUST or INVALID.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/light"
	"github.com/cometbft/cometbft/light/provider"
	store "github.com/cometbft/cometbft/light/store/db"
	"github.com/cometbft/cometbft/types"
)

const success = "SUCCESS"

// How far ahead of the reader's clock a header may be: the client's own default.
const drift = 10 * time.Second

type claim struct {
	ChainID     string            `json:"chain_id"`
	Period      int64             `json:"period"`
	Now         time.Time         `json:"now"`
	TrustedHash string            `json:"trusted_hash"`
	Blocks      []json.RawMessage `json:"blocks"`
}

type verdicts struct {
	Steps      []string `json:"steps"`
	Sequential string   `json:"sequential"`
	Skipping   string   `json:"skipping"`
}

// read makes a light block as the client's own HTTP provider makes one from the RPC's answers.
func read(raw json.RawMessage) (*types.LightBlock, error) {
	var from struct {
		Header     *types.Header      `json:"header"`
		Commit     *types.Commit      `json:"commit"`
		Validators []*types.Validator `json:"validators"`
	}
	if err := cmtjson.Unmarshal(raw, &from); err != nil {
		return nil, err
	}
	set, err := types.ValidatorSetFromExistingValidators(from.Validators)
	if err != nil {
		return nil, err
	}
	signed := &types.SignedHeader{Header: from.Header, Commit: from.Commit}
	return &types.LightBlock{SignedHeader: signed, ValidatorSet: set}, nil
}

// blocks is a provider that holds what it was given, and checks it as the HTTP provider does.
type blocks struct {
	chainID string
	held    []*types.LightBlock
}

func (b *blocks) ChainID() string { return b.chainID }

func (b *blocks) LightBlock(_ context.Context, height int64) (*types.LightBlock, error) {
	last := b.held[len(b.held)-1]
	if height == 0 {
		height = last.Height
	}
	if height > last.Height {
		return nil, provider.ErrHeightTooHigh
	}
	for _, each := range b.held {
		if each.Height == height {
			if err := each.ValidateBasic(b.chainID); err != nil {
				return nil, provider.ErrBadLightBlock{Reason: err}
			}
			return each, nil
		}
	}
	return nil, provider.ErrLightBlockNotFound
}

func (b *blocks) ReportEvidence(context.Context, types.Evidence) error { return nil }

func refusal(err error) string {
	var unknown light.ErrNewValSetCantBeTrusted
	if errors.As(err, &unknown) {
		return "NOT_ENOUGH_TRUST: " + err.Error()
	}
	return "INVALID: " + err.Error()
}

// The library panics on some malformed blocks; for a light client that is a refusal.
func verdict(judge func() error) (given string) {
	defer func() {
		if fault := recover(); fault != nil {
			given = fmt.Sprintf("INVALID: panic: %v", fault)
		}
	}()
	if err := judge(); err != nil {
		return refusal(err)
	}
	return success
}

func (c *claim) period() time.Duration { return time.Duration(c.Period) * time.Second }

func (c *claim) hash() []byte {
	hash, err := hex.DecodeString(c.TrustedHash)
	if err != nil {
		return nil
	}
	return hash
}

// root checks the block that is trusted by its hash, as the client does when it starts.
func (c *claim) root(block *types.LightBlock) error {
	if err := block.ValidateBasic(c.ChainID); err != nil {
		return err
	}
	if !bytes.Equal(block.Hash(), c.hash()) {
		return errors.New("the trusted block has another hash")
	}
	commit := block.Commit
	return block.ValidatorSet.VerifyCommitLight(c.ChainID, commit.BlockID, block.Height, commit)
}

func (c *claim) step(from, to *types.LightBlock) error {
	return light.Verify(
		from.SignedHeader, from.ValidatorSet, to.SignedHeader, to.ValidatorSet,
		c.period(), c.Now, drift, light.DefaultTrustLevel,
	)
}

func (c *claim) client(held []*types.LightBlock, mode light.Option) error {
	primary := &blocks{c.ChainID, held}
	ctx := context.Background()
	client, err := light.NewClient(
		ctx, c.ChainID,
		light.TrustOptions{Period: c.period(), Height: held[0].Height, Hash: c.hash()},
		primary, []provider.Provider{&blocks{c.ChainID, held}},
		store.New(dbm.NewMemDB(), ""), mode, light.MaxClockDrift(drift),
	)
	if err != nil {
		return err
	}
	_, err = client.VerifyLightBlockAtHeight(ctx, held[len(held)-1].Height, c.Now)
	return err
}

func (c *claim) judge() verdicts {
	var held []*types.LightBlock
	unread := verdict(func() error {
		for _, raw := range c.Blocks {
			block, err := read(raw)
			if err != nil {
				return err
			}
			if block.Header == nil || block.Commit == nil {
				return errors.New("a block without header or commit")
			}
			held = append(held, block)
		}
		if len(held) < 2 {
			return errors.New("a trusted block and another are needed")
		}
		return nil
	})
	if unread != success {
		return verdicts{[]string{unread}, unread, unread}
	}
	given := verdicts{Steps: c.steps(held)}
	given.Skipping = verdict(func() error {
		return c.client(held, light.SkippingVerification(light.DefaultTrustLevel))
	})
	if held[len(held)-1].Height-held[0].Height == int64(len(held)-1) {
		given.Sequential = verdict(func() error {
			return c.client(held, light.SequentialVerification())
		})
	}
	return given
}

func (c *claim) steps(held []*types.LightBlock) []string {
	first := verdict(func() error { return c.root(held[0]) })
	if first != success {
		return []string{first}
	}
	var given []string
	for n := 1; n < len(held); n++ {
		said := verdict(func() error { return c.step(held[n-1], held[n]) })
		given = append(given, said)
		if said != success {
			break
		}
	}
	return given
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<26)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var c claim
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		if err := out.Encode(c.judge()); err != nil {
			panic(err)
		}
	}
	if err := lines.Err(); err != nil {
		panic(err)
	}
}
